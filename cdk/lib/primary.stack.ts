import { Annotations, ArnFormat, CfnOutput, Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { Alarms } from './alarms.construct';
import { BackupTable } from './backup-table.construct';
import { Dashboard } from './dashboard.construct';
import { Export } from './export.construct';
import { FunctionCode } from './function-code';
import { Import } from './import.construct';
import { Notifications } from './notifications.construct';
import { Reader } from './reader.construct';
import { Schedules } from './schedules.construct';
import { Settings } from './settings';
import { SnapshotAges } from './snapshot-ages.construct';

/**
 * Cognito's quota of listing calls per second, for an account in a Region. AWS does not raise it.
 * Source: "Quotas in Amazon Cognito", developer guide.
 */
const LISTING_QUOTA = 30;

/** The stack in the Region of the pools: the table, scheduled exports, and imports. */
export class PrimaryStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, code: FunctionCode, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: backup table, exports and imports of Cognito user pools` });
    const table = new BackupTable(this, 'BackupTable', { name: settings.name, secondaryRegion: settings.secondaryRegion });
    const notifications = new Notifications(this, 'Notifications', settings);
    const alarms = new Alarms(this, 'Alarms', { settings, notifications });

    const exports =
      settings.userPoolIds.length > 0 ? this.createExports(settings, table, code, notifications, alarms) : undefined;
    const imports = new Import(this, 'Import', { settings, table, code, notifications });
    alarms.addRunAlarms('import', imports.run);
    if (settings.trustedPrincipals.length > 0) {
      const reader = new Reader(this, 'Reader', { settings, table });
      new CfnOutput(this, 'ReaderRoleArn', {
        value: reader.role.roleArn,
        description: 'The role that TrustedPrincipals may assume',
      });
    }
    new Dashboard(this, 'Dashboard', {
      settings,
      alarms,
      imports: imports.run,
      exports,
      secondaryImportArn: this.formatArn({
        service: 'states',
        region: settings.secondaryRegion,
        resource: 'stateMachine',
        resourceName: `${settings.name}-import`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    });
    new CfnOutput(this, 'TableName', { value: table.tableName, description: 'The backup table, in both Regions' });
    new CfnOutput(this, 'ImportStateMachineArn', {
      value: imports.run.machine.stateMachineArn,
      description: 'Restores snapshots',
    });
    new CfnOutput(this, 'TopicArn', { value: notifications.topic.topicArn, description: 'Gets messages about runs and alarms' });
  }

  private createExports(
    settings: Settings,
    table: BackupTable,
    code: FunctionCode,
    notifications: Notifications,
    alarms: Alarms,
  ) {
    const { run, finalize } = new Export(this, 'Export', { settings, table, code, notifications });
    const schedules = new Schedules(this, 'Schedules', { settings, machine: run.machine });
    new SnapshotAges(this, 'SnapshotAges', { settings, group: schedules.group, finalize });
    alarms.addRunAlarms('export', run);
    alarms.addDeadLetterAlarm(schedules.deadLetters);
    alarms.addSnapshotAgeAlarms();
    alarms.addExportMetricAlarms();
    new CfnOutput(this, 'ExportStateMachineArn', { value: run.machine.stateMachineArn, description: 'Takes snapshots' });

    const callsPerSecond = settings.userPoolIds.length * settings.cognitoTps;
    if (settings.userPoolIds.length > 1 && callsPerSecond > LISTING_QUOTA) {
      Annotations.of(this).addWarningV2(
        'cognito-backup:listing-quota',
        `Exports of ${settings.userPoolIds.length} pools at the same time make up to ${callsPerSecond} calls per second. Cognito allows an account ${LISTING_QUOTA} listing calls per second, and throttles other clients, too. Lower CognitoTPS.`,
      );
    }
    return { run, schedules };
  }
}
