import { Aws, Size, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import {
  acknowledgeAccountOperations,
  allowAccountOperations,
  allowOperations,
  poolArns,
  refuseSourcePools,
} from './cognito-access';
import { FunctionName, OPERATIONS } from './operations';
import { RunProps, commonEnvironment, enumerateEnvironment, finalizeEnvironment, pageConcurrency } from './run-environment';
import { RunMachine } from './run-machine.construct';
import { RustFunction } from './rust-function.construct';
import { importTargetsIn, repairablePoolsIn, sourcePools } from './settings';
import {
  READING,
  RESTORE_PARTITIONS,
  SNAPSHOT_PARTITIONS,
  TableGrant,
  configurationPartitions,
  findRunsOfAnyPool,
  poolPartitions,
  refuseWritingTo,
  tableGrant,
  tableStatements,
  userPartitions,
} from './table-access';

/** What stands before the name of a log group of import jobs: Cognito adds the pool's id and name. */
const JOB_LOGS = '/aws/cognito/userpools/';

/**
 * The import state machine and its three functions, in either Region.
 *
 * They write to the pools that `ImportTargets` stands for, which do not exist yet when this is deployed: hence patterns instead of ids. They read
 * the items of source pools and write those of restores. Source pools, and the items of their snapshots, are out of reach whatever the
 * patterns are, but for the pools that `RepairablePools` names: to these they write as to any target, and keep the books of the restores.
 * Users' and groups' records stay out of reach even there.
 */
export class Import extends Construct {
  /** The state machine. */
  readonly run: RunMachine;
  /** The role by which Cognito writes the logs of import jobs. */
  readonly jobLogRole: iam.Role;

  constructor(scope: Construct, id: string, props: RunProps) {
    super(scope, id);
    const { settings, table, code } = props;
    const stack = Stack.of(this);
    const { importEnumerate, importPage, importFinalize } = OPERATIONS.functions;
    const sources = sourcePools(settings);
    const repairable = repairablePoolsIn(settings, stack.region);
    const untouched = sources.filter((pool) => !repairable.includes(pool));
    const targets = [...importTargetsIn(settings, stack.region), ...repairable];
    const jobLogs = targets.map((target) => this.jobLogArn(`${target}/*`, 'log-stream:*'));
    const name = (what: string) => `${settings.name}-import-${what}`;
    this.jobLogRole = this.createJobLogRole(settings.name);

    // What is written: how restores go on.
    const restores = (of: FunctionName): TableGrant =>
      tableGrant('KeepTheBooksOfRestores', of, [poolPartitions(targets), RESTORE_PARTITIONS]);
    const [ofSources, configurations] = [poolPartitions(sources), configurationPartitions(sources)];
    // The patterns of the targets may cover source pools as well.
    const refuseWriting = refuseWritingTo(table, sources, repairable);
    const refusals = [...(untouched.length > 0 ? [refuseSourcePools(stack, untouched)] : []), refuseWriting];

    const enumerate = new RustFunction(this, 'Enumerate', {
      functionName: name('enumerate'),
      description: 'Begins an import: checks snapshot and target, takes the lease, writes the plan',
      executable: 'enumerate',
      code,
      settings,
      environment: enumerateEnvironment(props),
      statements: [
        allowOperations(stack, 'LookAtTargetPools', importEnumerate['cognito-idp'], targets),
        allowAccountOperations(importEnumerate['cognito-idp']),
        ...tableStatements(
          stack,
          table,
          [
            tableGrant('ReadSnapshots', 'importEnumerate', [ofSources, configurations, SNAPSHOT_PARTITIONS], READING),
            restores('importEnumerate'),
          ],
          importEnumerate.kms.table,
        ),
        ...refusals,
      ],
    });
    const page = new RustFunction(this, 'Page', {
      functionName: name('page'),
      description: 'Restores the next pages of a snapshot, and verifies what it has brought',
      executable: 'import-page',
      code,
      settings,
      environment: { ...commonEnvironment(props), IMPORT_JOB_LOG_ROLE_ARN: this.jobLogRole.roleArn },
      statements: [
        allowOperations(stack, 'WriteToTargetPools', importPage['cognito-idp'], targets),
        ...tableStatements(
          stack,
          table,
          [
            tableGrant(
              'ReadSnapshots',
              'importPage',
              [ofSources, configurations, userPartitions(sources), SNAPSHOT_PARTITIONS],
              READING,
            ),
            restores('importPage'),
          ],
          importPage.kms.table,
        ),
        ...this.passRoles(settings.groupRoleArns),
        this.readJobLogs(jobLogs),
        ...refusals,
      ],
      reservedConcurrency: pageConcurrency(settings, sources.length),
      // The file of an import job is put together here; Cognito takes 100 MB at the most.
      temporaryStorage: Size.mebibytes(512),
    });
    const finalize = new RustFunction(this, 'Finalize', {
      functionName: name('finalize'),
      description: 'Ends an import: adds up the ledger or records the failure, gives the lease back, tells the topic',
      executable: 'finalize',
      code,
      settings,
      environment: finalizeEnvironment(props),
      statements: [
        ...tableStatements(
          stack,
          table,
          [restores('importFinalize'), findRunsOfAnyPool('importFinalize')],
          importFinalize.kms.table,
        ),
        refuseWriting,
        ...props.notifications.publishStatements(importFinalize),
      ],
    });

    acknowledgeAccountOperations(enumerate.role);
    for (const role of [enumerate.role, page.role]) {
      poolArns(stack, targets).forEach((arn) =>
        acknowledge(
          role,
          `Resource::${arn}`,
          'The pools that are restored into are made when they are needed, so ImportTargets gives patterns.',
        ),
      );
      if (untouched.length > 0) {
        acknowledge(role, 'Action::cognito-idp:*', 'This wildcard is in a Deny: source pools are out of reach of every import.');
      }
    }
    for (const logs of jobLogs) {
      acknowledge(page.role, `Resource::${logs}`, 'Cognito names the log groups of import jobs by pool and the streams by job.');
    }
    this.run = new RunMachine(this, 'Run', {
      operation: 'import',
      functions: { EnumerateFunctionArn: enumerate, ImportPageFunctionArn: page, FinalizeFunctionArn: finalize },
      settings,
    });
  }

  /**
   * The role that Cognito takes on to write the log of an import job.
   * Source: "Creating the CloudWatch Logs IAM role", Amazon Cognito developer guide.
   */
  private createJobLogRole(name: string): iam.Role {
    const role = new iam.Role(this, 'JobLogRole', {
      assumedBy: new iam.ServicePrincipal('cognito-idp.amazonaws.com'),
      description: `Lets Cognito write the logs of the import jobs of ${name}`,
    });
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'WriteLogsOfImportJobs',
        actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
        resources: [this.jobLogArn('*')],
      }),
    );
    acknowledge(
      role,
      `Resource::${this.jobLogArn('*')}`,
      'Cognito names the log groups of import jobs by pool and the streams by job.',
    );
    return role;
  }

  /** Lets import-page hand roles to Cognito: that of the jobs' logs, and those that groups of the snapshot carry. */
  private passRoles(groupRoleArns: readonly string[]): iam.PolicyStatement[] {
    const statements = [
      new iam.PolicyStatement({
        sid: 'PassTheRoleOfJobLogs',
        actions: ['iam:PassRole'],
        resources: [this.jobLogRole.roleArn],
        conditions: { StringEquals: { 'iam:PassedToService': 'cognito-idp.amazonaws.com' } },
      }),
    ];
    if (groupRoleArns.length > 0) {
      // Without a condition: it is an identity pool that takes these roles on, not the user pool that they are given to.
      statements.push(
        new iam.PolicyStatement({ sid: 'PassRolesOfGroups', actions: ['iam:PassRole'], resources: [...groupRoleArns] }),
      );
    }
    return statements;
  }

  private readJobLogs(logs: readonly string[]): iam.PolicyStatement {
    const actions = OPERATIONS.functions.importPage.logs.map((action) => `logs:${action}`);
    return new iam.PolicyStatement({ sid: 'ReadLogsOfImportJobs', actions, resources: [...logs] });
  }

  private jobLogArn(group: string, rest = '*'): string {
    return `arn:${Stack.of(this).partition}:logs:${Stack.of(this).region}:${Aws.ACCOUNT_ID}:log-group:${JOB_LOGS}${group}:${rest}`;
  }
}
