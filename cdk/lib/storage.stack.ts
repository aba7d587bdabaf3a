import { CfnOutput, Stack, StackProps } from 'aws-cdk-lib';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';

import { BackupTable } from './backup-table.construct';
import { ConfigurationKeyArns } from './configuration-key-access';
import { ConfigurationKeys, keepsSecrets } from './configuration-keys.construct';
import { settingsParameterName } from './names';
import { Settings } from './settings';
import { effectiveSettings } from './settings/effective';

/**
 * The stack of what must never be lost, in the Region of the pools: the table, its key, and the keys for secrets.
 *
 * It has nothing else. So a function, a schedule or an alarm that cannot be created does not roll it back.
 */
export class StorageStack extends Stack {
  readonly table: BackupTable;
  /** Undefined if exports keep no secrets. */
  readonly configurationKeys?: ConfigurationKeyArns;

  /** The ARNs of all keys. */
  get keyArns(): string[] {
    const { encryption, mac } = this.configurationKeys ?? {};
    return [this.table.keyArn, encryption, mac].filter((arn) => arn !== undefined);
  }

  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: backup table of Cognito user pools, and its keys` });
    const { name, secondaryRegion, isProtected } = settings;
    this.table = new BackupTable(this, 'BackupTable', { name, secondaryRegion, isProtected });
    if (keepsSecrets(settings)) {
      // The logical ids follow from this path. With other ids, CloudFormation would replace the keys of a deployment.
      const keys = new ConfigurationKeys(new Construct(this, 'Export'), 'ConfigurationKeys', settings.name);
      // The table comes last. DynamoDB may refuse for a day to delete a table that got a replica. It does not wait for
      // aliases: an import of kept resources leaves them out, and CloudFormation refuses a dependency on none.
      keys.keys.forEach((key) => this.table.node.addDependency(key));
      this.configurationKeys = keys.arns;
    }
    new ssm.StringParameter(this, 'Settings', {
      parameterName: settingsParameterName(settings.name),
      description: `The settings of the deployment ${settings.name}, without personal data`,
      stringValue: JSON.stringify(effectiveSettings(settings)),
      tier: ssm.ParameterTier.INTELLIGENT_TIERING,
    });
    new CfnOutput(this, 'TableName', { value: settings.name, description: 'The backup table, in both Regions' });
  }
}
