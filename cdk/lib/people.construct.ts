import { CfnOutput, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { RegionalTable } from './backup-table.construct';
import { allowAccountOperations, allowOperations, poolArns } from './cognito-access';
import { ConfigurationKeyArns, allowOnConfigurationKeys } from './configuration-key-access';
import { ImportAccess, everyPool } from './import-access';
import { executionArns, machineArn, personPolicyName } from './names';
import type { CommandName } from './operations';
import { RunsKey } from './runs-key.construct';
import { Settings, copiedPools, regionOf, sourcePools } from './settings';
import { describeTable, grantsOnKinds, tableStatements } from './table-access';
import { Calls, MACHINES, STOP_EXECUTION, WORK, type Work } from './work';

export interface PeopleProps {
  readonly settings: Settings;
  /** The table or replica of the Region. */
  readonly table: RegionalTable;
  /** The keys for secrets. Undefined if exports keep no secrets, or if the Region has no keys. */
  readonly configurationKeys?: ConfigurationKeyArns;
}

/** The most pools that a policy names to look at. The ARNs of more would not fit into the 6,144 characters of a policy. */
const MAX_NAMED_POOLS = 20;

/** The pools on which a command works, and the end of the id of its statement. */
interface PoolScope {
  readonly sid: string;
  readonly pools: readonly string[];
}

/**
 * The managed policies for people in one Region, one for each kind of {@link WORK}. The deployment attaches them to
 * nobody: its owners attach them to their roles and permission sets.
 *
 * CloudFormation cannot replace a policy with a name, and a new description would replace it. So the descriptions must
 * not change.
 */
export class People extends Construct {
  constructor(scope: Construct, id: string, props: PeopleProps) {
    super(scope, id);
    for (const [work, { does }] of Object.entries(WORK) as [Work, (typeof WORK)[Work]][]) {
      this.addPolicy(work, does, props);
    }
  }

  private addPolicy(work: Work, does: string, props: PeopleProps): void {
    const { settings, table, configurationKeys: keys } = props;
    const stack = Stack.of(this);
    const { commands } = WORK[work];
    const calls = new Calls(commands);
    const scopes = this.poolScopes(commands, settings);
    const ofAccount = allowAccountOperations(calls.cognito(), 'UseTheAccount');
    const title = work[0]?.toUpperCase() + work.slice(1);
    const policy = new iam.ManagedPolicy(this, title, {
      managedPolicyName: personPolicyName(settings.name, work, stack.region),
      description: `For people who work with ${settings.name} in ${stack.region} as ${work}`,
      statements: [
        ...tableStatements(stack, table, grantsOnKinds(calls.table), calls.keys('table')),
        ...(calls.describesTable ? [describeTable(table)] : []),
        ...this.executionStatements(calls, settings),
        ...scopes.map(([{ sid, pools }, operations]) => allowOperations(stack, sid, operations, pools)),
        ...(ofAccount.actions.length > 0 ? [ofAccount] : []),
        ...(keys === undefined ? [] : allowOnConfigurationKeys(keys, calls.keys('configuration'), 'UseSecrets')),
      ],
    });
    new CfnOutput(stack, `${title}PolicyArn`, {
      value: policy.managedPolicyArn,
      description: `A managed policy for people. A ${work} ${does}`,
    });
    this.acknowledgeWildcards(
      policy,
      calls,
      scopes.flatMap(([{ pools }]) => pools),
      settings,
    );
  }

  /**
   * The operations of the commands on pools, by the pools on which the commands work. A creation works on a pool whose id
   * nobody knows before. A roll back works on a pool with snapshots of its own. All other commands only look.
   *
   * The first scope has every pool of the Region. So the others have only the operations that it lacks.
   */
  private poolScopes(commands: readonly CommandName[], settings: Settings): [PoolScope, string[]][] {
    const { region } = Stack.of(this);
    // A pool whose snapshots come from another account is not here.
    const copied = copiedPools(settings);
    const sources = sourcePools(settings).filter((pool) => regionOf(pool) === region && !copied.includes(pool));
    const { visible } = new ImportAccess(Stack.of(this), settings);
    const scopeOf = (command: CommandName): string =>
      ['pool create', 'pool finish'].includes(command) ? 'create' : command === 'pool apply' ? 'apply' : 'look';
    const scopes: Record<string, PoolScope> = {
      create: { sid: 'CreatePools', pools: [everyPool(region)] },
      apply: { sid: 'RollPoolsBack', pools: sources },
      look: { sid: 'LookAtPools', pools: visible.length > MAX_NAMED_POOLS ? [everyPool(region)] : visible },
    };
    const ofScope = (name: string) => new Calls(commands.filter((command) => scopeOf(command) === name)).cognito();
    const ofEveryPool = ofScope('create');
    return Object.entries(scopes)
      .map(([name, scope]): [PoolScope, string[]] => [
        scope,
        name === 'create' ? ofEveryPool : ofScope(name).filter((operation) => !ofEveryPool.includes(operation)),
      ])
      .filter(([{ pools }, operations]) => pools.length > 0 && operations.length > 0);
  }

  /** Lets people start and read the executions of this deployment only. */
  private executionStatements(calls: Calls, settings: Settings): iam.PolicyStatement[] {
    const { name } = settings;
    const stack = Stack.of(this);
    const machines = MACHINES.filter((machine) => calls.on(machine).length > 0);
    if (machines.length === 0) {
      return [];
    }
    const operations = [...new Set(machines.flatMap((machine) => calls.on(machine)))];
    const isOnExecution = (operation: string) => operation === 'DescribeExecution';
    const stops = operations.includes('StartExecution') ? [STOP_EXECUTION] : [];
    const ofExecutions = [...operations.filter(isOnExecution), ...stops];
    const statement = (sid: string, allowed: readonly string[], resources: string[]) =>
      new iam.PolicyStatement({ sid, actions: allowed.map((operation) => `states:${operation}`), resources });
    return [
      statement(
        'UseStateMachines',
        operations.filter((operation) => !isOnExecution(operation)),
        machines.map((machine) => machineArn(stack, name, machine)),
      ),
      statement(
        'UseExecutions',
        ofExecutions,
        machines.map((machine) => executionArns(stack, name, machine)),
      ),
      RunsKey.of(this, settings).executionsStatement(machines, name, calls.keys('runs')),
    ];
  }

  private acknowledgeWildcards(policy: iam.ManagedPolicy, calls: Calls, pools: readonly string[], settings: Settings): void {
    const stack = Stack.of(this);
    for (const machine of MACHINES.filter((one) => calls.on(one).length > 0)) {
      acknowledge(
        policy,
        `Resource::${executionArns(stack, settings.name, machine)}`,
        'People read and stop the executions that they start. The names of executions are not known before.',
      );
    }
    for (const arn of poolArns(stack, pools)) {
      acknowledge(policy, `Resource::${arn}`, 'New pools are created when they are needed, so their ids are patterns.');
    }
    acknowledge(policy, 'Resource::*', 'Domains and pools that do not exist yet have no resource in IAM.');
  }
}
