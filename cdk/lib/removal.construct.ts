import { Aws, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { DefinedMachine } from './defined-machine.construct';
import { machineName, removalFunctionName, removalRuleName } from './names';
import { OPERATIONS } from './operations';
import { EVENT_SOURCE } from './publishing';
import { RunProps, finalizeEnvironment, retentionEnvironment } from './run-environment';
import { RunsKey } from './runs-key.construct';
import { RustFunction } from './rust-function.construct';
import { Settings, copiedPools } from './settings';
import { removalGrants, tableStatements } from './table-access';

/** The pools whose snapshots the rules of retention concern: those that this deployment exports or copies. */
const removablePools = (settings: Settings): string[] => [...settings.userPoolIds, ...copiedPools(settings)];

/**
 * The removal of the snapshots that no rule keeps: the only role of the deployment that can delete items.
 *
 * Its function has the executable of finalize. The event about a sealed snapshot starts the state machine, which calls
 * the function until nothing is left. So a removal can take longer than one invocation.
 */
export class Removal extends Construct {
  constructor(scope: Construct, id: string, props: RunProps) {
    super(scope, id);
    const { settings, table, code } = props;
    const { removal } = OPERATIONS.functions;
    const stack = Stack.of(this);
    const pools = removablePools(settings);
    const remove = new RustFunction(this, 'Remove', {
      functionName: removalFunctionName(settings.name),
      description: 'Removes the snapshots that no retention rule keeps',
      executable: 'finalize',
      code,
      settings,
      environment: { ...finalizeEnvironment(props), ...retentionEnvironment(settings) },
      statements: [
        ...tableStatements(stack, table, removalGrants(pools), removal.kms.table),
        ...props.notifications.publishStatements(removal),
      ],
    });
    const run = new DefinedMachine(this, 'Run', {
      definition: 'removal',
      substitutions: { RemovalFunctionArn: remove.version.functionArn },
      adjust: () => undefined,
      settings,
    });
    run.machine.addToRolePolicy(
      new iam.PolicyStatement({
        sid: 'CallTheFunction',
        actions: ['lambda:InvokeFunction'],
        resources: [`${remove.lambda.functionArn}:*`],
      }),
    );
    acknowledge(
      run.machine.role,
      `Resource::${remove.arnForFindings}:*`,
      'A running execution calls the version of the function with which it began.',
    );
    this.startBySealedSnapshots(props, run);
  }

  /** Lets each event about a sealed snapshot of a pool of this deployment start a removal. EventBridge tries for a day. */
  private startBySealedSnapshots({ settings }: RunProps, { machine }: DefinedMachine): void {
    const ruleName = removalRuleName(settings.name);
    const ruleArn = Stack.of(this).formatArn({ service: 'events', resource: 'rule', resourceName: ruleName });
    const role = new iam.Role(this, 'StartRole', {
      // Source: "Confused deputy prevention in Amazon EventBridge", EventBridge user guide.
      assumedBy: new iam.ServicePrincipal('events.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID, 'aws:SourceArn': ruleArn } },
      }),
      description: `Starts ${machineName(settings.name, 'removal')}`,
    });
    role.addToPolicy(new iam.PolicyStatement({ actions: ['states:StartExecution'], resources: [machine.stateMachineArn] }));
    role.addToPolicy(RunsKey.of(this, settings).executionStatement('removal', settings.name));
    const rule = new events.Rule(this, 'Sealed', {
      ruleName,
      description: 'Starts the removal of snapshots after an export has sealed one',
      eventPattern: {
        source: [EVENT_SOURCE],
        // Another account can put events here only if the owner of the bus allows it.
        account: [Aws.ACCOUNT_ID],
        detailType: settings.copyFrom === undefined ? ['Snapshot Sealed'] : ['Snapshot Sealed', 'Snapshot Copied'],
        detail: { table: [settings.name], userPoolId: removablePools(settings) },
      },
    });
    rule.node.addDependency(role);
    rule.addTarget({ bind: () => ({ arn: machine.stateMachineArn, role }) });
  }
}
