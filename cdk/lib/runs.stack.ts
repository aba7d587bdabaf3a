import { Annotations, CfnOutput, Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { RegionalTable } from './backup-table.construct';
import { Export } from './export.construct';
import { FunctionCode } from './function-code';
import { Import } from './import.construct';
import { tableArn } from './names';
import { Notifications } from './notifications.construct';
import { Reader } from './reader.construct';
import { Schedules } from './schedules.construct';
import { Settings } from './settings';
import { SnapshotAges } from './snapshot-ages.construct';
import { StorageStack } from './storage.stack';

/**
 * Cognito's quota of listing calls per second, for an account in a Region. AWS does not raise it.
 * Source: "Quotas in Amazon Cognito", developer guide.
 */
const LISTING_QUOTA = 30;

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
    if (settings.userPoolIds.length > 0) {
      const { configurationKeys } = storage;
      const { run, finalize } = new Export(this, 'Export', { settings, table, code, notifications, configurationKeys });
      const schedules = new Schedules(this, 'Schedules', { settings, machine: run.machine });
      new SnapshotAges(this, 'SnapshotAges', { settings, group: schedules.group, finalize });
      new CfnOutput(this, 'ExportStateMachineArn', { value: run.machine.stateMachineArn, description: 'Takes snapshots' });
      this.warnOfListingQuota(settings);
    }
    const imports = new Import(this, 'Import', { settings, table, code, notifications });
    if (settings.trustedPrincipals.length > 0) {
      const reader = new Reader(this, 'Reader', { settings, table });
      new CfnOutput(this, 'ReaderRoleArn', {
        value: reader.role.roleArn,
        description: 'The role that TrustedPrincipals may assume',
      });
    }
    new CfnOutput(this, 'ImportStateMachineArn', {
      value: imports.run.machine.stateMachineArn,
      description: 'Restores snapshots',
    });
    new CfnOutput(this, 'TopicArn', { value: notifications.topic.topicArn, description: 'Gets messages about runs and alarms' });
  }

  private warnOfListingQuota(settings: Settings): void {
    const callsPerSecond = settings.userPoolIds.length * settings.cognitoTps;
    if (settings.userPoolIds.length > 1 && callsPerSecond > LISTING_QUOTA) {
      Annotations.of(this).addWarningV2(
        'cognito-backup:listing-quota',
        `Exports of ${settings.userPoolIds.length} pools at the same time make up to ${callsPerSecond} calls per second. Cognito allows an account ${LISTING_QUOTA} listing calls per second, and throttles other clients, too. Lower CognitoTPS.`,
      );
    }
  }
}
