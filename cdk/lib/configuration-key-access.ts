/** The use of the keys for the secrets of configurations. */

import * as iam from 'aws-cdk-lib/aws-iam';

import { OPERATIONS } from './operations';

/** The operation of KMS on the HMAC key. All others are on the key that encrypts. */
const MAC_OPERATION = 'GenerateMac';

/** The ARNs of the keys for secrets. */
export interface ConfigurationKeyArns {
  /** The ARN of the key that encrypts. */
  readonly encryption: string;
  /** The ARN of the HMAC key. */
  readonly mac: string;
}

/** The environment of export-page. */
export function configurationKeyEnvironment(keys: ConfigurationKeyArns): Record<string, string> {
  return { CONFIGURATION_KEY_ARN: keys.encryption, CONFIGURATION_MAC_KEY_ARN: keys.mac };
}

/** What the role of export-page may do with the keys. */
export function configurationKeyStatements(keys: ConfigurationKeyArns): iam.PolicyStatement[] {
  const operations = OPERATIONS.functions.exportCapture.kms.configuration;
  const allow = (sid: string, arn: string, allowed: readonly string[]) =>
    new iam.PolicyStatement({ sid, actions: allowed.map((operation) => `kms:${operation}`), resources: [arn] });
  return [
    allow(
      'EncryptSecrets',
      keys.encryption,
      operations.filter((operation) => operation !== MAC_OPERATION),
    ),
    allow(
      'TellChangesOfSecrets',
      keys.mac,
      operations.filter((operation) => operation === MAC_OPERATION),
    ),
  ];
}
