import { Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { COGNITO_OPERATIONS, acknowledgeAccountOperations, allowAccountOperations, allowOperations } from './cognito-access';
import {
  RunProps,
  commonEnvironment,
  enumerateEnvironment,
  finalizeEnvironment,
  pageConcurrency,
  retentionEnvironment,
} from './run-environment';
import { RunMachine } from './run-machine.construct';
import { RustFunction } from './rust-function.construct';
import {
  FIND_RUNS,
  SNAPSHOT_PARTITIONS,
  configurationPartitions,
  poolPartitions,
  removingSnapshots,
  tableStatements,
  userPartitions,
} from './table-access';

/**
 * The export state machine and its three functions. They may read the exported pools and write snapshots
 * only.
 */
export class Export extends Construct {
  readonly run: RunMachine;
  readonly finalize: RustFunction;

  constructor(scope: Construct, id: string, props: RunProps) {
    super(scope, id);
    const { settings, table, code } = props;
    const pools = settings.userPoolIds;
    const stack = Stack.of(this);
    const name = (step: string) => `${settings.name}-export-${step}`;

    const enumerate = new RustFunction(this, 'Enumerate', {
      functionName: name('enumerate'),
      description: 'Starts an export: checks the pool, takes the lease, writes the units',
      executable: 'enumerate',
      code,
      settings,
      environment: enumerateEnvironment(props),
      statements: [
        allowOperations(stack, 'ReadTheExportedPools', COGNITO_OPERATIONS.exportEnumerate, pools),
        allowAccountOperations(COGNITO_OPERATIONS.exportEnumerate),
        ...tableStatements(stack, table, [
          {
            sid: 'BeginSnapshots',
            actions: ['GetItem', 'BatchGetItem', 'PutItem', 'BatchWriteItem'],
            partitions: [...poolPartitions(pools), ...configurationPartitions(pools), ...SNAPSHOT_PARTITIONS],
          },
        ]),
      ],
    });
    acknowledgeAccountOperations(enumerate.role);
    const page = new RustFunction(this, 'Page', {
      functionName: name('page'),
      description: 'Stores the next pages of a snapshot',
      executable: 'export-page',
      code,
      settings,
      environment: commonEnvironment(props),
      statements: [
        allowOperations(stack, 'ReadTheExportedPools', COGNITO_OPERATIONS.exportPage, pools),
        ...tableStatements(stack, table, [
          {
            sid: 'WriteSnapshots',
            actions: ['GetItem', 'BatchGetItem', 'Query', 'PutItem', 'BatchWriteItem'],
            partitions: [
              ...poolPartitions(pools),
              ...configurationPartitions(pools),
              ...userPartitions(pools),
              ...SNAPSHOT_PARTITIONS,
            ],
          },
        ]),
      ],
      reservedConcurrency: pageConcurrency(settings, pools.length),
    });
    this.finalize = new RustFunction(this, 'Finalize', {
      functionName: name('finalize'),
      description:
        'Ends an export: seals the snapshot or records the failure, applies the retention, releases the lease, publishes the result',
      executable: 'finalize',
      code,
      settings,
      environment: { ...finalizeEnvironment(props), ...retentionEnvironment(settings) },
      statements: [
        ...tableStatements(stack, table, [
          {
            sid: 'SealSnapshots',
            actions: ['GetItem', 'BatchGetItem', 'Query', 'PutItem'],
            partitions: [...poolPartitions(pools), ...SNAPSHOT_PARTITIONS],
          },
          FIND_RUNS,
          ...(settings.snapshotRetention === undefined ? [] : removingSnapshots(pools)),
        ]),
        ...props.notifications.publishStatements(),
      ],
    });
    this.run = new RunMachine(this, 'Run', {
      operation: 'export',
      functions: { EnumerateFunctionArn: enumerate, ExportPageFunctionArn: page, FinalizeFunctionArn: this.finalize },
      settings,
    });
  }
}
