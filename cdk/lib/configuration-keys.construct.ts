import { CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

import { ConfigurationKeyArns } from './configuration-key-access';
import { keyPolicy, useForMacs, useForSecrets } from './key-policy';
import { keyAliases } from './names';
import { Settings } from './settings';

/** Whether exports keep the secrets of configurations, and need keys for them. */
export function keepsSecrets(settings: Settings): boolean {
  return settings.userPoolIds.length > 0 && settings.captureConfiguration && settings.captureSecrets;
}

/**
 * The keys for the secrets of configurations. Both are multi-Region keys: a replica in another Region decrypts
 * what the table there holds.
 *
 * They stay if their stack is deleted, because without them the secrets in the table are lost. If the deployment that
 * creates them fails, CloudFormation deletes them. No function can have used them then.
 *
 * The export may encrypt and make MACs, and no role of the deployment may decrypt.
 */
export class ConfigurationKeys extends Construct {
  readonly arns: ConfigurationKeyArns;
  /** The keys without their aliases. */
  readonly keys: readonly kms.CfnKey[];

  constructor(scope: Construct, id: string, { name, keyAdministrators }: Settings) {
    super(scope, id);
    const stack = Stack.of(this);
    const aliases = keyAliases(name);
    const encryption = new kms.Key(this, 'Encryption', {
      alias: aliases.configuration,
      description: `Encrypts the secrets of configurations in the backup table ${name}`,
      multiRegion: true,
      enableKeyRotation: true,
      policy: keyPolicy(stack, keyAdministrators, useForSecrets()),
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    const mac = new kms.Key(this, 'Mac', {
      alias: aliases.configurationMac,
      description: `Tells whether secrets of configurations in the backup table ${name} have changed`,
      keySpec: kms.KeySpec.HMAC_256,
      keyUsage: kms.KeyUsage.GENERATE_VERIFY_MAC,
      policy: keyPolicy(stack, keyAdministrators, useForMacs()),
      multiRegion: true,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    this.keys = [encryption, mac].map((key) => key.node.defaultChild as kms.CfnKey);
    this.arns = { encryption: encryption.keyArn, mac: mac.keyArn };
    const output = (outputId: string, value: string, description: string) =>
      new CfnOutput(stack, outputId, { value, description });
    output('ConfigurationKeyArn', this.arns.encryption, 'Encrypts the secrets of configurations');
    output('ConfigurationMacKeyArn', this.arns.mac, 'Tells whether secrets of configurations have changed');
  }
}
