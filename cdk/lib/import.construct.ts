import { Aws, Size, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { acknowledgeAccountOperations, allowAccountOperations, poolArns } from './cognito-access';
import { ImportAccess } from './import-access';
import { Step, functionName } from './names';
import { FunctionName, OPERATIONS } from './operations';
import { eventStatement } from './publishing';
import {
  RunProps,
  commonEnvironment,
  enumerateEnvironment,
  finalizeEnvironment,
  poolTagEnvironment,
  subMapEnvironment,
} from './run-environment';
import { RunMachine } from './run-machine.construct';
import { RustFunction } from './rust-function.construct';
import { sourcePools } from './settings';
import {
  READ_ACTIONS,
  RESTORE_PARTITIONS,
  SELECTION_PARTITIONS,
  SNAPSHOT_PARTITIONS,
  TableGrant,
  configurationPartitions,
  findRunsOfAnyPool,
  poolPartitions,
  tableGrant,
  tableStatements,
  targetPartitions,
  userPartitions,
} from './table-access';

/** The prefix of the log groups of import jobs. Cognito adds the pool's id and name. */
const JOB_LOG_PREFIX = '/aws/cognito/userpools/';

/**
 * The import state machine and its three functions, in one of the Regions.
 *
 * The functions may read the items of source pools, and write the items of restores. They may write to the pools that
 * {@link ImportAccess} names: by default to each pool whose tag opens it. Target pools may not exist at deployment, so
 * the statements have patterns. In the table, restores have partitions of their own.
 */
export class Import extends Construct {
  readonly run: RunMachine;
  readonly finalize: RustFunction;
  /** The role that Cognito assumes to write the logs of import jobs. */
  readonly jobLogRole: iam.Role;

  constructor(scope: Construct, id: string, props: RunProps) {
    super(scope, id);
    const { settings, table, code } = props;
    const stack = Stack.of(this);
    const { importEnumerate, importPage, importFinalize } = OPERATIONS.functions;
    const sources = sourcePools(settings);
    const access = new ImportAccess(stack, settings);
    const targets = access.pools;
    const jobLogArns = targets.map((target) => this.jobLogArn(`${target}/*`, 'log-stream:*'));
    const name = (step: Step) => functionName(settings.name, 'import', step);
    this.jobLogRole = this.createJobLogRole(settings.name);

    // Imports write no other items. So no pattern of a target reaches the snapshots of a source pool.
    const restoreGrant = (name: FunctionName): TableGrant =>
      tableGrant('KeepTheBooksOfRestores', name, [targetPartitions(targets), RESTORE_PARTITIONS]);
    const [headers, records] = [poolPartitions(sources), configurationPartitions(sources)];

    const enumerate = new RustFunction(this, 'Enumerate', {
      functionName: name('enumerate'),
      description: 'Starts an import: checks the snapshot and the target, takes the lease, writes the units',
      executable: 'enumerate',
      code,
      settings,
      environment: { ...enumerateEnvironment(props), ...subMapEnvironment(settings), ...poolTagEnvironment(settings) },
      statements: [
        ...access.allow('LookAtTargetPools', importEnumerate['cognito-idp']),
        allowAccountOperations(importEnumerate['cognito-idp']),
        ...tableStatements(
          stack,
          table,
          [
            tableGrant('ReadSnapshots', 'importEnumerate', [headers, records, SNAPSHOT_PARTITIONS], READ_ACTIONS),
            tableGrant('ReadSelections', 'importEnumerate', [SELECTION_PARTITIONS], READ_ACTIONS),
            restoreGrant('importEnumerate'),
          ],
          importEnumerate.kms.table,
        ),
        ...access.deny(),
      ],
    });
    const page = new RustFunction(this, 'Page', {
      functionName: name('page'),
      description: 'Restores the next pages of a snapshot, and verifies the target',
      executable: 'import-page',
      code,
      settings,
      environment: {
        ...commonEnvironment(props),
        ...poolTagEnvironment(settings),
        IMPORT_JOB_LOG_ROLE_ARN: this.jobLogRole.roleArn,
      },
      statements: [
        ...access.allow('WriteToTargetPools', importPage['cognito-idp']),
        ...tableStatements(
          stack,
          table,
          [
            tableGrant(
              'ReadSnapshots',
              'importPage',
              [headers, records, userPartitions(sources), SNAPSHOT_PARTITIONS],
              READ_ACTIONS,
            ),
            restoreGrant('importPage'),
          ],
          importPage.kms.table,
        ),
        ...this.passRoles(settings.groupRoleArns),
        ...this.readJobLogs(jobLogArns),
        ...access.deny(),
      ],
      // The function writes the CSV file of an import job here. Cognito accepts up to 100 MB.
      temporaryStorage: Size.mebibytes(512),
    });
    this.finalize = new RustFunction(this, 'Finalize', {
      functionName: name('finalize'),
      description: 'Ends an import: adds up the ledger or records the failure, releases the lease, publishes the result',
      executable: 'finalize',
      code,
      settings,
      environment: finalizeEnvironment(props),
      statements: [
        ...tableStatements(
          stack,
          table,
          [
            tableGrant('ReadHeadersOfSnapshots', 'importFinalize', [headers], READ_ACTIONS),
            restoreGrant('importFinalize'),
            findRunsOfAnyPool('importFinalize'),
          ],
          importFinalize.kms.table,
        ),
        ...props.notifications.publishStatements(importFinalize),
        eventStatement(stack, importFinalize),
      ],
    });

    acknowledgeAccountOperations(enumerate.role);
    for (const role of [enumerate.role, page.role]) {
      poolArns(stack, targets).forEach((arn) =>
        acknowledge(
          role,
          `Resource::${arn}`,
          'Target pools are created when they are needed, so their ids are patterns. By default a tag opens a pool.',
        ),
      );
      if (access.hasProtectedPools) {
        acknowledge(role, 'Action::cognito-idp:*', 'This wildcard is in a Deny. It protects source pools from every import.');
      }
    }
    for (const arn of jobLogArns) {
      acknowledge(
        page.role,
        `Resource::${arn}`,
        'Cognito names the log groups of import jobs after the pool, and the streams after the job.',
      );
    }
    this.run = new RunMachine(this, 'Run', {
      operation: 'import',
      enumerate,
      page,
      finalize: this.finalize,
      settings,
    });
  }

  /**
   * The role that Cognito assumes to write the logs of import jobs.
   * Source: "Creating the CloudWatch Logs IAM role", Amazon Cognito developer guide.
   */
  private createJobLogRole(name: string): iam.Role {
    const role = new iam.Role(this, 'JobLogRole', {
      assumedBy: new iam.ServicePrincipal('cognito-idp.amazonaws.com', {
        // AWS does not document whether Cognito names the account here, and which ARN it names. So the ARN is not
        // compared. The account is enough to keep others from using this role.
        conditions: { StringEqualsIfExists: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
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
      'Cognito names the log groups of import jobs after the pool, and the streams after the job.',
    );
    return role;
  }

  /** Lets import-page pass roles to Cognito: the role of the job logs, and the roles of groups. */
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
      // No condition on the service: an identity pool assumes these roles, not the user pool.
      statements.push(
        new iam.PolicyStatement({ sid: 'PassRolesOfGroups', actions: ['iam:PassRole'], resources: [...groupRoleArns] }),
      );
    }
    return statements;
  }

  private readJobLogs(logs: readonly string[]): iam.PolicyStatement[] {
    if (logs.length === 0) {
      return [];
    }
    const actions = OPERATIONS.functions.importPage.logs.map((action) => `logs:${action}`);
    return [new iam.PolicyStatement({ sid: 'ReadLogsOfImportJobs', actions, resources: [...logs] })];
  }

  private jobLogArn(group: string, rest = '*'): string {
    return `arn:${Stack.of(this).partition}:logs:${Stack.of(this).region}:${Aws.ACCOUNT_ID}:log-group:${JOB_LOG_PREFIX}${group}:${rest}`;
  }
}
