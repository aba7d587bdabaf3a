/**
 * The policies of the keys that protect the backup. They separate administrators from users: no statement gives both.
 *
 * Each statement names the account, so it also takes an IAM policy to do something. A policy that named roles would
 * stop a restored table, or a new role, until it is changed.
 */

import { Aws, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { deploymentRoleArn } from './names';
import { serviceSuffixes } from './partition';

/** What administrators may do. They cannot use the key, or give its use to others by a grant. */
const ADMINISTRATION = [
  'CancelKeyDeletion',
  'CreateAlias',
  'DeleteAlias',
  'DescribeKey',
  'DisableKey',
  'DisableKeyRotation',
  'EnableKey',
  'EnableKeyRotation',
  'GetKeyPolicy',
  'GetKeyRotationStatus',
  'ListGrants',
  'ListKeyPolicies',
  'ListKeyRotations',
  'ListResourceTags',
  'PutKeyPolicy',
  'ReplicateKey',
  'RevokeGrant',
  'RotateKeyOnDemand',
  'ScheduleKeyDeletion',
  'TagResource',
  'UntagResource',
  'UpdateAlias',
  'UpdateKeyDescription',
  'UpdatePrimaryRegion',
];

const USE = ['Decrypt', 'DescribeKey', 'Encrypt', 'GenerateDataKey*', 'ReEncrypt*'];

/** The names in the encryption context of a secret. */
const CONTEXT_OF_SECRETS = ['pool', 'object', 'member'];

/**
 * The policy of a key.
 *
 * @param administrators ARNs of roles and users, with or without asterisks. Without any, IAM decides who administers.
 * @param use the statements for the use
 */
export function keyPolicy(
  stack: Stack,
  administrators: readonly string[],
  use: readonly iam.PolicyStatement[],
): iam.PolicyDocument {
  const administer = statement('AdministratorsManage', ADMINISTRATION);
  if (administrators.length > 0) {
    // The root user is the last resort if no administrator is left. CloudFormation must be able to change the policy.
    const others = [`arn:${stack.partition}:iam::${Aws.ACCOUNT_ID}:root`, deploymentRoleArn(stack)];
    administer.addCondition('ArnLike', { 'aws:PrincipalArn': [...administrators, ...others] });
  }
  return new iam.PolicyDocument({ statements: [administer, ...use] });
}

/**
 * The use of the key of a table, through DynamoDB only. A restored table with another name may use it, too.
 *
 * Any Region, because DynamoDB makes calls from other Regions. Source: "Key policy for a customer managed key" in
 * "DynamoDB encryption at rest usage notes", DynamoDB developer guide.
 */
export function useThroughDynamoDb(stack: Stack): iam.PolicyStatement[] {
  const hosts = serviceSuffixes(stack.region).map((suffix) => `dynamodb.*.${suffix}`);
  return [statement('UseThroughDynamoDB', [...USE, 'CreateGrant'], { StringLike: { 'kms:ViaService': hosts } })];
}

/** The use of the key for secrets, with the encryption context of a secret only. */
export function useForSecrets(): iam.PolicyStatement[] {
  return [
    statement('UseForSecrets', ['Decrypt', 'Encrypt', 'GenerateDataKey'], {
      'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': CONTEXT_OF_SECRETS },
      // `ForAllValues` is true for a request without a context, so this refuses that request.
      Null: { 'kms:EncryptionContextKeys': 'false' },
    }),
    statement('DescribeTheKey', ['DescribeKey']),
    copyToReplicas(),
  ];
}

/** The use of the HMAC key. MACs have no encryption context. */
export function useForMacs(): iam.PolicyStatement[] {
  return [statement('UseForMacs', ['DescribeKey', 'GenerateMac', 'VerifyMac']), copyToReplicas()];
}

/**
 * With a role of its own in the account, KMS copies rotation and state of a multi-Region key to its replicas. Source:
 * "Authorizing AWS KMS to synchronize multi-Region keys", KMS developer guide.
 */
function copyToReplicas(): iam.PolicyStatement {
  return statement('CopyToReplicas', ['SynchronizeMultiRegionKey']);
}

/** The use of the key of executions. Who reads a history decrypts it. */
export function useForExecutions(): iam.PolicyStatement[] {
  return [statement('UseForExecutions', ['Decrypt', 'DescribeKey', 'GenerateDataKey'])];
}

/** The use of the key of the vault. AWS Backup makes a grant for itself. */
export function useForBackups(): iam.PolicyStatement[] {
  return [
    // `RetireGrant`: see "Backup vault creation and deletion", AWS Backup developer guide.
    statement('UseForBackups', [...USE, 'RetireGrant']),
    statement('LetTheServiceUseIt', ['CreateGrant'], { Bool: { 'kms:GrantIsForAWSResource': 'true' } }),
  ];
}

function statement(sid: string, actions: readonly string[], conditions?: iam.Conditions): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    principals: [new iam.AccountRootPrincipal()],
    actions: actions.map((action) => `kms:${action}`),
    resources: ['*'],
    conditions,
  });
}
