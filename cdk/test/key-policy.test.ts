/**
 * Goal: who administers a key of the backup cannot use it by that, and a key is used only for its purpose.
 *
 * Method: read the policies of the keys.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONTEXT, PRIMARY, SECONDARY, Template, readable, synthesise } from './synthesised';

const EVERYTHING = { ...CONTEXT, CaptureConfiguration: 'YES', BackupVault: 'YES' };
const USE =
  /^kms:(\*|Encrypt|Decrypt|ReEncrypt.*|GenerateDataKey.*|GenerateMac|VerifyMac|CreateGrant|RetireGrant|Sign|Get\*|Create\*)$/;

const plain = synthesise(EVERYTHING);

/** The statements of the policy of a key, by their ids. */
function policyOf(template: Template | undefined, key: string): Map<string, any> {
  const [[, found] = assert.fail(key)] = template?.ofType('AWS::KMS::Key').filter(([id]) => id.startsWith(key)) ?? [];
  return new Map(found.Properties.KeyPolicy.Statement.map((statement: any) => [statement.Sid, statement]));
}

/** The policies of all keys without which something of the backup cannot be read. */
const policies = ({ storage, secondaryKey, vault } = plain) =>
  [
    [storage, 'BackupTableKey'],
    [storage, 'ExportConfigurationKeysEncryption'],
    [storage, 'ExportConfigurationKeysMac'],
    [secondaryKey, 'TableKey'],
    [vault, 'Key'],
  ].map(([template, key]) => policyOf(template as Template, key as string));

test('no statement gives both administration and use, and each also needs a permission in IAM', () => {
  const all = policies();
  const multiRegion = new Set(all.slice(1, 3));
  for (const policy of all) {
    const { AdministratorsManage: administer, ...use } = Object.fromEntries(policy);
    assert.deepEqual(
      administer.Action.filter((action: string) => USE.test(action)),
      [],
    );
    assert.ok(administer.Action.includes('kms:PutKeyPolicy') && administer.Action.includes('kms:ScheduleKeyDeletion'));
    assert.ok(Object.keys(use).length > 0);
    for (const { Action, Principal, Effect } of policy.values()) {
      assert.deepEqual([Effect, readable(Principal.AWS)], ['Allow', 'arn:aws:iam::<AWS::AccountId>:root']);
      assert.ok(![Action].flat().includes('kms:*'));
    }
    const administration = Object.values(use).flatMap(({ Action }) => [Action].flat().filter((name) => !USE.test(name)));
    assert.deepEqual(
      new Set(administration),
      new Set(multiRegion.has(policy) ? ['kms:DescribeKey', 'kms:SynchronizeMultiRegionKey'] : ['kms:DescribeKey']),
    );
  }
});

test('the keys of the table are used through DynamoDB only, for a table of any name', () => {
  for (const [template, key] of [
    [plain.storage, 'BackupTableKey'],
    [plain.secondaryKey, 'TableKey'],
  ] as const) {
    const [use, ...others] = [...policyOf(template, key).values()].filter(({ Sid }) => Sid !== 'AdministratorsManage');
    assert.deepEqual(others, []);
    assert.deepEqual(use.Condition, { StringLike: { 'kms:ViaService': ['dynamodb.*.amazonaws.com'] } });
    // What DynamoDB needs for a table, a restored table and a replica.
    for (const action of ['Encrypt', 'Decrypt', 'ReEncrypt*', 'GenerateDataKey*', 'DescribeKey', 'CreateGrant']) {
      assert.ok(use.Action.includes(`kms:${action}`), action);
    }
  }
});

test('the policies allow what the roles may do with the keys of the table', () => {
  for (const [template, region] of [
    [plain.runs, PRIMARY],
    [plain.secondary, SECONDARY],
  ] as const) {
    const { Action: allowed } = policyOf(plain.storage, 'BackupTableKey').get('UseThroughDynamoDB');
    const used = template
      .all('AWS::IAM::Policy')
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
      .filter(({ Sid }) => Sid === 'UseTheKeyOfTheTable');
    assert.ok(used.length > 0);
    for (const { Action, Condition } of used) {
      assert.deepEqual(Condition, { StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` } });
      const isAllowed = (action: string) => allowed.some((name: string) => action.startsWith(name.replace('*', '')));
      [Action].flat().forEach((action) => assert.ok(isAllowed(action), action));
    }
  }
});

test('the key for secrets works only with the context of a secret, and the HMAC key only makes and checks MACs', () => {
  const { Action, Condition } = policyOf(plain.storage, 'ExportConfigurationKeysEncryption').get('UseForSecrets');
  assert.deepEqual(Action, ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey']);
  assert.deepEqual(Condition, {
    'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['pool', 'object', 'member'] },
    Null: { 'kms:EncryptionContextKeys': 'false' },
  });
  const macs = policyOf(plain.storage, 'ExportConfigurationKeysMac');
  assert.deepEqual([...macs.keys()], ['AdministratorsManage', 'UseForMacs', 'CopyToReplicas']);
  assert.deepEqual(macs.get('UseForMacs').Action, ['kms:DescribeKey', 'kms:GenerateMac', 'kms:VerifyMac']);
});

test('administrators are those of the setting, the root user, and CloudFormation', () => {
  policies().forEach((policy) => assert.equal(policy.get('AdministratorsManage').Condition, undefined));
  const admins = [
    'arn:aws:iam::111122223333:role/key-admin',
    'arn:aws:iam::111122223333:role/aws-reserved/*/AWSReservedSSO_Keys_*',
  ];
  for (const policy of policies(synthesise({ ...EVERYTHING, KeyAdministrators: admins }))) {
    const { Condition } = policy.get('AdministratorsManage');
    assert.deepEqual(Condition.ArnLike['aws:PrincipalArn'].map(readable), [
      ...admins,
      'arn:aws:iam::<AWS::AccountId>:root',
      'arn:aws:iam::<AWS::AccountId>:role/cdk-*-cfn-exec-role-<AWS::AccountId>-*',
    ]);
  }
});
