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
  return allowOnConfigurationKeys(keys, OPERATIONS.functions.exportCapture.kms.configuration, 'EncryptSecrets');
}

/**
 * Allows these operations, each on the key that it works with.
 *
 * @param sid the id of the statement for the key that encrypts
 */
export function allowOnConfigurationKeys(
  keys: ConfigurationKeyArns,
  operations: readonly string[],
  sid: string,
): iam.PolicyStatement[] {
  const statement = (id: string, arn: string, allowed: readonly string[]) =>
    allowed.length === 0
      ? []
      : [new iam.PolicyStatement({ sid: id, actions: allowed.map((operation) => `kms:${operation}`), resources: [arn] })];
  return [
    ...statement(
      sid,
      keys.encryption,
      operations.filter((operation) => operation !== MAC_OPERATION),
    ),
    ...statement(
      'TellChangesOfSecrets',
      keys.mac,
      operations.filter((operation) => operation === MAC_OPERATION),
    ),
  ];
}
