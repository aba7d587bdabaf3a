import { CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

import { OPERATIONS } from './operations';

/** The operation of KMS on the HMAC key. All others are on the key that encrypts. */
const MAC_OPERATION = 'GenerateMac';

/**
 * The keys for the secrets of configurations. Both are multi-Region keys: a replica in another Region decrypts
 * what the table there holds.
 *
 * They stay if their stack is deleted, because without them the secrets in the table are lost. They also stay if
 * the deployment that creates them fails, because an export may use them before it fails.
 *
 * Their policies let IAM decide. The export may encrypt and make MACs, and no role of the deployment may decrypt.
 */
export class ConfigurationKeys extends Construct {
  private readonly encryption: kms.Key;
  private readonly mac: kms.Key;

  constructor(scope: Construct, id: string, name: string) {
    super(scope, id);
    this.encryption = new kms.Key(this, 'Encryption', {
      alias: `alias/${name}-configuration`,
      description: `Encrypts the secrets of configurations in the backup table ${name}`,
      multiRegion: true,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.mac = new kms.Key(this, 'Mac', {
      alias: `alias/${name}-configuration-mac`,
      description: `Tells whether secrets of configurations in the backup table ${name} have changed`,
      keySpec: kms.KeySpec.HMAC_256,
      keyUsage: kms.KeyUsage.GENERATE_VERIFY_MAC,
      multiRegion: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const output = (outputId: string, key: kms.Key, description: string) =>
      new CfnOutput(Stack.of(this), outputId, { value: key.keyArn, description });
    output('ConfigurationKeyArn', this.encryption, 'Encrypts the secrets of configurations');
    output('ConfigurationMacKeyArn', this.mac, 'Tells whether secrets of configurations have changed');
  }

  /** The environment of export-page. */
  environment(): Record<string, string> {
    return { CONFIGURATION_KEY_ARN: this.encryption.keyArn, CONFIGURATION_MAC_KEY_ARN: this.mac.keyArn };
  }

  /** What the role of export-page may do with the keys. */
  statements(): iam.PolicyStatement[] {
    const operations = OPERATIONS.functions.exportCapture.kms.configuration;
    const allow = (sid: string, key: kms.Key, allowed: readonly string[]) =>
      new iam.PolicyStatement({ sid, actions: allowed.map((operation) => `kms:${operation}`), resources: [key.keyArn] });
    return [
      allow(
        'EncryptSecrets',
        this.encryption,
        operations.filter((operation) => operation !== MAC_OPERATION),
      ),
      allow(
        'TellChangesOfSecrets',
        this.mac,
        operations.filter((operation) => operation === MAC_OPERATION),
      ),
    ];
  }
}
