import { CfnOutput, Stack, StackProps } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

import { Alarms } from './alarms.construct';
import { FunctionCode } from './function-code';
import { Import } from './import.construct';
import { Notifications } from './notifications.construct';
import { Reader } from './reader.construct';
import { Settings } from './settings';

/** The Region of the replica: all that an import needs when the primary Region is lost. Nothing in it refers to the primary Region. */
export class SecondaryStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, code: FunctionCode, tableKey: kms.IKey, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: imports of Cognito user pools from the replica` });
    const table = {
      tableName: settings.name,
      tableArn: this.formatArn({ service: 'dynamodb', resource: 'table', resourceName: settings.name }),
      keyArn: tableKey.keyArn,
    };
    const notifications = new Notifications(this, 'Notifications', settings);
    const imports = new Import(this, 'Import', { settings, table, code, notifications });
    new Alarms(this, 'Alarms', { settings, notifications }).watchRuns('import', imports.run);
    if (settings.trustedPrincipals.length > 0) {
      const reader = new Reader(this, 'Reader', { settings, table });
      new CfnOutput(this, 'ReaderRoleArn', {
        value: reader.role.roleArn,
        description: 'The role that TrustedPrincipals can take on',
      });
    }
    new CfnOutput(this, 'ImportStateMachineArn', {
      value: imports.run.machine.stateMachineArn,
      description: 'Restores snapshots',
    });
    new CfnOutput(this, 'TopicArn', {
      value: notifications.topic.topicArn,
      description: 'Is told how imports end, and of alarms',
    });
  }
}
