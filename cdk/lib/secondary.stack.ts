import { CfnOutput, RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';

import { FunctionCode } from './function-code';
import { Import } from './import.construct';
import { JobLogs } from './job-logs.construct';
import { tableArn } from './names';
import { Notifications } from './notifications.construct';
import { People } from './people.construct';
import { Reader } from './reader.construct';
import { Settings } from './settings';
import { SnapshotAges } from './snapshot-ages.construct';

/**
 * The stack in the Region of the replica: all that an import needs if the primary Region is lost. So nothing
 * in it refers to the primary Region.
 */
export class SecondaryStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, code: FunctionCode, tableKey: kms.IKey, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: imports of Cognito user pools from the replica` });
    const table = {
      tableName: settings.name,
      tableArn: tableArn(this, settings.name),
      keyArn: tableKey.keyArn,
    };
    const notifications = new Notifications(this, 'Notifications', settings);
    const imports = new Import(this, 'Import', { settings, table, code, notifications });
    new JobLogs(this, 'JobLogs', { settings });
    new People(this, 'People', { settings, table });
    if (settings.userPoolIds.length > 0) {
      const group = new scheduler.ScheduleGroup(this, 'Group', {
        scheduleGroupName: settings.name,
        removalPolicy: RemovalPolicy.DESTROY,
      });
      new SnapshotAges(this, 'SnapshotAges', { settings, group, finalize: imports.finalize });
    }
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
    new CfnOutput(this, 'TopicArn', {
      value: notifications.topic.topicArn,
      description: 'Gets messages about imports and alarms',
    });
  }
}
