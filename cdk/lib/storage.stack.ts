import { CfnOutput, Fn, Stack, StackProps } from 'aws-cdk-lib';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';

import { BackupTable } from './backup-table.construct';
import { ConfigurationKeyArns } from './configuration-key-access';
import { ConfigurationKeys, keepsSecrets } from './configuration-keys.construct';
import { settingsParameterName, stackNames } from './names';
import { REPLICA_KEY_OUTPUT } from './secondary-key.stack';
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
    this.table = new BackupTable(this, 'BackupTable', { settings, replicaKeyArn: replicaKeyOf(settings) });
    if (keepsSecrets(settings)) {
      // The logical ids follow from this path. With other ids, CloudFormation would replace the keys of a deployment.
      const keys = new ConfigurationKeys(new Construct(this, 'Export'), 'ConfigurationKeys', settings);
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

/**
 * The ARN of the replica's key. Undefined if there is no replica.
 *
 * An alias could later name another key than that of the table, and an export does not reach another Region.
 */
function replicaKeyOf({ name, secondaryRegion, replicaKeyArn }: Settings): string | undefined {
  if (secondaryRegion === undefined) {
    return undefined;
  }
  return replicaKeyArn ?? Fn.getStackOutput(stackNames(name).secondaryKey, REPLICA_KEY_OUTPUT, secondaryRegion);
}
