import { CfnOutput, Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { RegionalTable } from './backup-table.construct';
import { Copies } from './copies.construct';
import { Export } from './export.construct';
import { FunctionCode } from './function-code';
import { Import } from './import.construct';
import { JobLogs } from './job-logs.construct';
import { tableArn } from './names';
import { Notifications } from './notifications.construct';
import { People } from './people.construct';
import { Reader } from './reader.construct';
import { Removal } from './removal.construct';
import { ScheduledExports } from './scheduled-exports.construct';
import { Schedules } from './schedules.construct';
import { Settings } from './settings';
import { SnapshotAges } from './snapshot-ages.construct';
import { StorageStack } from './storage.stack';

/** The stack of the code in the Region of the pools: scheduled exports, and imports. */
export class RunsStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, code: FunctionCode, storage: StorageStack, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: exports and imports of Cognito user pools` });
    const table: RegionalTable = {
      tableName: settings.name,
      tableArn: tableArn(this, settings.name),
      keyArn: storage.table.keyArn,
    };
    const notifications = new Notifications(this, 'Notifications', settings);
    const { configurationKeys } = storage;
    const exports =
      settings.userPoolIds.length > 0
        ? new Export(this, 'Export', { settings, table, code, notifications, configurationKeys })
        : undefined;
    const imports = new Import(this, 'Import', { settings, table, code, notifications });
    if (settings.trustedPrincipals.length > 0) {
      const reader = new Reader(this, 'Reader', { settings, table });
      new CfnOutput(this, 'ReaderRoleArn', {
        value: reader.role.roleArn,
        description: 'The role that TrustedPrincipals may assume',
      });
    }
    new People(this, 'People', { settings, table, configurationKeys });
    new JobLogs(this, 'JobLogs', { settings });
    const { copyFrom } = settings;
    if (copyFrom !== undefined) {
      const { run } = new Copies(this, 'Copies', { settings, table, code, notifications, copyFrom });
      new CfnOutput(this, 'CopyStateMachineArn', {
        value: run.machine.stateMachineArn,
        description: 'Copies the new snapshots of another account',
      });
    }
    if ((exports ?? copyFrom) !== undefined && settings.snapshotRetention !== undefined) {
      new Removal(this, 'Removal', { settings, table, code, notifications });
    }
    if (exports !== undefined) {
      this.schedule(settings, exports);
    }
    new CfnOutput(this, 'ImportStateMachineArn', {
      value: imports.run.machine.stateMachineArn,
      description: 'Restores snapshots',
    });
    new CfnOutput(this, 'TopicArn', { value: notifications.topic.topicArn, description: 'Gets messages about runs and alarms' });
  }

  /** Starts exports by a schedule, and measures the age of snapshots. */
  private schedule(settings: Settings, { run, finalize }: Export): void {
    const scheduled = new ScheduledExports(this, 'ScheduledExports', { settings, exportMachine: run.machine });
    const schedules = new Schedules(this, 'Schedules', {
      settings,
      machine: scheduled.machine,
      after: this.node.children.slice(),
    });
    new SnapshotAges(this, 'SnapshotAges', { settings, group: schedules.group, finalize });
    new CfnOutput(this, 'ExportStateMachineArn', { value: run.machine.stateMachineArn, description: 'Takes snapshots' });
    new CfnOutput(this, 'ScheduledExportsStateMachineArn', {
      value: scheduled.machine.stateMachineArn,
      description: 'Takes a snapshot of every pool',
    });
  }
}
