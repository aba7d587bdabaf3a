import { Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { acknowledgeAccountOperations, acknowledgeDomains, allowAccountOperations, allowOperations } from './cognito-access';
import { ConfigurationKeyArns, configurationKeyEnvironment, configurationKeyStatements } from './configuration-key-access';
import { Step, functionName } from './names';
import { OPERATIONS } from './operations';
import { acknowledgeHeartbeat, eventStatement, heartbeatStatements } from './publishing';
import {
  RunProps,
  exportPageEnvironment,
  enumerateEnvironment,
  finalizeEnvironment,
  heartbeatEnvironment,
} from './run-environment';
import { RunMachine } from './run-machine.construct';
import { RustFunction } from './rust-function.construct';
import {
  SNAPSHOT_PARTITIONS,
  configurationPartitions,
  findRunsOfAnyPool,
  poolPartitions,
  tableGrant,
  tableStatements,
  userPartitions,
} from './table-access';

export interface ExportProps extends RunProps {
  /** The keys for secrets. Undefined if exports keep no secrets. */
  readonly configurationKeys?: ConfigurationKeyArns;
}

/**
 * The export state machine and its three functions. They may read the exported pools and write snapshots
 * only.
 */
export class Export extends Construct {
  readonly run: RunMachine;
  readonly finalize: RustFunction;

  constructor(scope: Construct, id: string, props: ExportProps) {
    super(scope, id);
    const { settings, table, code, configurationKeys: keys } = props;
    const { exportCapture, exportEnumerate, exportPage, exportFinalize } = OPERATIONS.functions;
    // Some of these reads answer secrets. So the role has them only if exports capture the configuration.
    const configurationReads = settings.captureConfiguration ? exportCapture['cognito-idp'] : [];
    const pools = settings.userPoolIds;
    const parameter = settings.heartbeatParameter;
    const [headers, records] = [poolPartitions(pools), configurationPartitions(pools)];
    const stack = Stack.of(this);
    const name = (step: Step) => functionName(settings.name, 'export', step);

    const enumerate = new RustFunction(this, 'Enumerate', {
      functionName: name('enumerate'),
      description: 'Starts an export: checks the pool, takes the lease, writes the units',
      executable: 'enumerate',
      code,
      settings,
      environment: enumerateEnvironment(props),
      statements: [
        allowOperations(stack, 'ReadTheExportedPools', exportEnumerate['cognito-idp'], pools),
        allowAccountOperations(exportEnumerate['cognito-idp']),
        ...tableStatements(
          stack,
          table,
          [
            tableGrant('BeginSnapshots', 'exportEnumerate', [headers, SNAPSHOT_PARTITIONS]),
            tableGrant('AddRecords', 'exportEnumerate', [records]),
          ],
          exportEnumerate.kms.table,
        ),
      ],
    });
    acknowledgeAccountOperations(enumerate.role);
    const page = new RustFunction(this, 'Page', {
      functionName: name('page'),
      description: 'Stores the next pages of a snapshot',
      executable: 'export-page',
      code,
      settings,
      environment: { ...exportPageEnvironment(props), ...(keys && configurationKeyEnvironment(keys)) },
      statements: [
        allowOperations(stack, 'ReadTheExportedPools', [...exportPage['cognito-idp'], ...configurationReads], pools),
        ...(settings.captureConfiguration ? [allowAccountOperations(configurationReads, 'ReadDomains')] : []),
        ...tableStatements(
          stack,
          table,
          [
            tableGrant('WriteSnapshots', 'exportPage', [headers, SNAPSHOT_PARTITIONS]),
            tableGrant('AddRecords', 'exportPage', [records, userPartitions(pools)]),
            // A record without its secret is written again when the export can keep the secret.
            ...(keys === undefined ? [] : [tableGrant('CompleteSecrets', 'exportCapture', [records])]),
          ],
          exportPage.kms.table,
        ),
        ...(keys === undefined ? [] : configurationKeyStatements(keys)),
      ],
    });
    if (settings.captureConfiguration) {
      acknowledgeDomains(page.role);
    }
    this.finalize = new RustFunction(this, 'Finalize', {
      functionName: name('finalize'),
      description: 'Ends an export: seals the snapshot or records the failure, releases the lease, publishes the result',
      executable: 'finalize',
      code,
      settings,
      environment: { ...finalizeEnvironment(props), ...heartbeatEnvironment(settings) },
      statements: [
        ...tableStatements(
          stack,
          table,
          [
            tableGrant('SealSnapshots', 'exportFinalize', [headers, SNAPSHOT_PARTITIONS]),
            tableGrant('ReadConfigurations', 'exportFinalize', [records]),
            findRunsOfAnyPool('exportFinalize'),
          ],
          exportFinalize.kms.table,
        ),
        ...props.notifications.publishStatements(exportFinalize),
        eventStatement(stack, exportFinalize),
        ...(parameter === undefined ? [] : heartbeatStatements(stack, exportFinalize, parameter)),
      ],
    });
    if (parameter !== undefined) {
      acknowledgeHeartbeat(stack, this.finalize.role);
    }
    this.run = new RunMachine(this, 'Run', {
      operation: 'export',
      enumerate,
      page,
      finalize: this.finalize,
      settings,
    });
  }
}
