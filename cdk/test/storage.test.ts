/**
 * Goal: the table and its keys outlive everything else of the deployment, and a failed first deployment can be repeated.
 *
 * Method: read the template of each stack, and what the stacks take from each other.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Stack } from 'aws-cdk-lib';

import { CONTEXT_NAMES } from '../lib/context';
import { WORKSPACE } from '../lib/function-code';
import { effectiveSettings } from '../lib/settings/effective';
import { CONTEXT, PRIMARY, SECONDARY, Template, readable, synthesise, defaultStacks } from './synthesised';

/** A resource that stays if its stack is deleted, and goes if the deployment that creates it fails. */
const KEPT = { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' };

const CAPTURE = { ...CONTEXT, CaptureConfiguration: 'YES' };

/** The logical ids of the first version. CloudFormation would replace a resource with another one. */
const LOGICAL_IDS = {
  storage: [
    'BackupTableE2D7E7E6',
    'BackupTableKey27B82A03',
    'ExportConfigurationKeysEncryptionDBEF2ED0',
    'ExportConfigurationKeysMac65CEE1FD',
  ],
  secondaryKey: ['TableKeyF581D96F'],
};

/** The ARN of the replica's key, as an operator gives it to `cdk import`. */
const REPLICA_KEY = `arn:aws:kms:${SECONDARY}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`;

/** All values that a template imports from other stacks. */
const importsOf = (template: Template): string[] => {
  const names = [...JSON.stringify(template.json).matchAll(/"Fn::ImportValue":"([^"]+)"/g)].map(([, name = '']) => name);
  return [...new Set(names)].sort();
};

test('the table has a replica, its own keys, and point-in-time recovery', () => {
  const { storage, secondaryKey } = defaultStacks();
  const [[, table] = assert.fail()] = storage.ofType('AWS::DynamoDB::GlobalTable');
  const { Properties: properties, DeletionPolicy, UpdateReplacePolicy } = table;
  assert.deepEqual({ DeletionPolicy, UpdateReplacePolicy }, KEPT);
  assert.equal(properties.TableName, 'cognito-backup');
  assert.equal(properties.BillingMode, 'PAY_PER_REQUEST');
  assert.deepEqual(properties.KeySchema, [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ]);
  assert.deepEqual(properties.AttributeDefinitions, [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
  ]);
  assert.deepEqual(properties.SSESpecification, { SSEEnabled: true, SSEType: 'KMS' });
  const replicas = new Map<string, any>(properties.Replicas.map((replica: any) => [replica.Region, replica]));
  assert.deepEqual([...replicas.keys()].sort(), [SECONDARY, PRIMARY].sort());
  for (const replica of replicas.values()) {
    assert.deepEqual(replica.PointInTimeRecoverySpecification, { PointInTimeRecoveryEnabled: true });
  }
  const keyOf = (region: string) => readable(replicas.get(region).SSESpecification.KMSMasterKeyId);
  assert.match(keyOf(PRIMARY), /^<BackupTableKey.*\.Arn>$/);
  const { 'Fn::GetStackOutput': output } = replicas.get(SECONDARY).SSESpecification.KMSMasterKeyId;
  assert.deepEqual(output, { StackName: 'cognito-backup-secondary-key', OutputName: 'ReplicaKeyArn', Region: SECONDARY });
  const [keyId] = secondaryKey.ofType('AWS::KMS::Key').map(([id]) => id);
  assert.equal(readable(secondaryKey.json.Outputs.ReplicaKeyArn.Value), `<${keyId}.Arn>`);
});

/** Whether the table, its replica and the stacks of what must stay are protected. */
function protection(isProtected?: 'ON' | 'OFF'): unknown[] {
  const { storage, deployment } = synthesise(
    CONTEXT,
    undefined,
    isProtected === undefined ? {} : { [CONTEXT_NAMES.protected]: isProtected },
  );
  const { Replicas } = storage.only('AWS::DynamoDB::GlobalTable');
  assert.equal(Replicas.length, 2);
  const stacks = [deployment.storage, deployment.secondaryKey ?? assert.fail()];
  return [
    ...Replicas.map(({ DeletionProtectionEnabled }: any) => DeletionProtectionEnabled),
    ...stacks.map(({ terminationProtection }) => terminationProtection),
  ];
}

test('the table and the stacks of what must stay are protected, unless a first deployment asks for the opposite', () => {
  assert.deepEqual(protection(), [true, true, true, true]);
  assert.deepEqual(protection('ON'), [true, true, true, true]);
  assert.deepEqual(protection('OFF'), [false, false, false, false]);
});

test('what cdk import takes back refers to nothing else of its template, because only resources are imported', () => {
  const policy = { BreakGlassRole: 'arn:aws:iam::111122223333:role/break-glass' };
  const { storage, secondaryKey } = synthesise({ ...CAPTURE, ...policy }, undefined, { [CONTEXT_NAMES.replicaKey]: REPLICA_KEY });
  for (const [template, ids] of [
    [storage, LOGICAL_IDS.storage],
    [secondaryKey, LOGICAL_IDS.secondaryKey],
  ] as const) {
    for (const id of ids) {
      const { DependsOn, ...resource } = template.json.Resources[id];
      const text = JSON.stringify(resource);
      assert.doesNotMatch(text, /"(Condition":"|Fn::(If|ImportValue|FindInMap|GetStackOutput)":)/);
      const references = [...text.matchAll(/"(?:Ref|Fn::GetAtt)":\[?"([^"]+)"/g)].map(([, name = '']) => name);
      const foreign = [...references, ...[DependsOn ?? []].flat()].filter(
        (name) => !name.startsWith('AWS::') && !ids.includes(name),
      );
      assert.deepEqual(foreign, [], id);
    }
  }
});

test('for cdk import, the table takes the ARN of the key of the replica from the context', () => {
  const keyWith = (context: Record<string, string>, values: object = CONTEXT) => {
    const { Replicas } = synthesise({ ...values }, undefined, context).storage.only('AWS::DynamoDB::GlobalTable');
    return Replicas.find(({ Region }: any) => Region === SECONDARY)?.SSESpecification.KMSMasterKeyId;
  };
  assert.equal(keyWith({ [CONTEXT_NAMES.replicaKey]: REPLICA_KEY }), REPLICA_KEY);
  for (const value of ['alias/cognito-backup-table', REPLICA_KEY.replace(SECONDARY, PRIMARY)]) {
    assert.throws(() => keyWith({ [CONTEXT_NAMES.replicaKey]: value }), /Use the ARN of the key in the second Region/);
  }
  const oneRegion = { ...CONTEXT, SecondaryRegion: 'none' };
  assert.throws(() => keyWith({ [CONTEXT_NAMES.replicaKey]: REPLICA_KEY }, oneRegion), /Without a second Region, leave it out/);
  assert.equal(keyWith({}, oneRegion), undefined);
});

test('no other stack has a parameter, so a deployment needs no values', () => {
  const { storage, deployment, ...others } = defaultStacks();
  assert.equal(Object.keys(others).length, 5);
  for (const { json } of Object.values(others)) {
    assert.deepEqual(Object.keys(json.Parameters), ['BootstrapVersion']);
  }
});

test('the table deletes items whose time has come', () => {
  const table = defaultStacks().storage.only('AWS::DynamoDB::GlobalTable');
  assert.deepEqual(table.TimeToLiveSpecification, { AttributeName: 'expiresAt', Enabled: true });
});

test("the table's keys rotate and stay, and have the same alias", () => {
  const { storage, secondaryKey, deployment } = defaultStacks();
  for (const template of [storage, secondaryKey]) {
    const keys = template.ofType('AWS::KMS::Key').filter(([id]) => id.includes('TableKey'));
    assert.equal(keys.length, 1);
    keys.forEach(([, { Properties, DeletionPolicy, UpdateReplacePolicy }]) => {
      assert.equal(Properties.EnableKeyRotation, true);
      assert.deepEqual({ DeletionPolicy, UpdateReplacePolicy }, KEPT);
    });
    assert.ok(template.all('AWS::KMS::Alias').some((alias) => alias.AliasName === 'alias/cognito-backup-table'));
  }
  assert.deepEqual(deployment.secondaryKey?.region, SECONDARY);
});

test('the stack of the table has only the table, keys and the record of the settings, so nothing else can roll it back', () => {
  const types = ({ json }: Template) => Object.values<any>(json.Resources).map(({ Type }) => Type);
  const { storage, secondaryKey } = synthesise(CAPTURE);
  assert.deepEqual(
    new Set(types(storage)),
    new Set(['AWS::DynamoDB::GlobalTable', 'AWS::KMS::Alias', 'AWS::KMS::Key', 'AWS::SSM::Parameter']),
  );
  assert.deepEqual(new Set(types(secondaryKey)), new Set(['AWS::KMS::Alias', 'AWS::KMS::Key']));
});

test('the table is created after all keys, so none of them can fail beside a table', () => {
  const { storage } = synthesise(CAPTURE);
  const [[, table] = assert.fail()] = storage.ofType('AWS::DynamoDB::GlobalTable');
  const keys = storage.ofType('AWS::KMS::Key').map(([id]) => id);
  assert.equal(keys.length, 3);
  const references = JSON.stringify(table.Properties);
  keys.forEach((id) => assert.ok(table.DependsOn?.includes(id) || references.includes(`"${id}"`), id));
});

test('only the stacks of storage have resources that stay, except versions of functions', () => {
  const { storage, secondaryKey, deployment, ...others } = synthesise(CAPTURE);
  for (const { json } of Object.values(others)) {
    const kept = Object.values<any>(json.Resources).filter(({ DeletionPolicy }) => /Retain/.test(DeletionPolicy));
    assert.deepEqual(
      kept.filter(({ Type }) => Type !== 'AWS::Lambda::Version'),
      [],
    );
  }
});

test('the logical ids of table and keys are those of earlier deployments, so an update replaces none', () => {
  const { storage, secondaryKey } = synthesise(CAPTURE);
  const ids = (template: Template) =>
    ['AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key'].flatMap((type) => template.ofType(type).map(([id]) => id));
  assert.deepEqual(ids(storage), LOGICAL_IDS.storage);
  assert.deepEqual(ids(secondaryKey), LOGICAL_IDS.secondaryKey);
  const guide = readFileSync(join(WORKSPACE, 'docs', 'guides', 'deploy.md'), 'utf8');
  const unnamed = [...LOGICAL_IDS.storage, ...LOGICAL_IDS.secondaryKey].filter((id) => !guide.includes(id));
  assert.deepEqual(unnamed, [], 'docs/guides/deploy.md does not say how to import these');
});

test('stacks take only the ARNs of keys from each other', () => {
  const { deployment, ...stacks } = synthesise(CAPTURE);
  const imports = Object.entries(stacks).map(([stack, template]) => [
    stack,
    importsOf(template).map((name) => name.replace(/[0-9A-F]{8}Arn[0-9A-F]{8}$/, '')),
  ]);
  assert.deepEqual(Object.fromEntries(imports), {
    secondaryKey: [],
    storage: [],
    runs: [
      'cognito-backup:ExportsOutputFnGetAttBackupTableKey',
      'cognito-backup:ExportsOutputFnGetAttExportConfigurationKeysEncryption',
      'cognito-backup:ExportsOutputFnGetAttExportConfigurationKeysMac',
    ],
    watch: [
      'cognito-backup:ExportsOutputFnGetAttBackupTableKey',
      'cognito-backup:ExportsOutputFnGetAttExportConfigurationKeysEncryption',
      'cognito-backup:ExportsOutputFnGetAttExportConfigurationKeysMac',
    ],
    secondary: ['cognito-backup-secondary-key:ExportsOutputFnGetAttTableKey'],
    secondaryWatch: ['cognito-backup-secondary-key:ExportsOutputFnGetAttTableKey'],
  });
});

test('a stack is deployed after those whose resources it uses', () => {
  const { settings, ...stacks } = defaultStacks().deployment;
  const after = Object.entries<Stack>({ ...stacks }).map(([stack, { dependencies }]) => [
    stack,
    dependencies.map((dependency) => dependency.stackName).sort(),
  ]);
  assert.deepEqual(Object.fromEntries(after), {
    secondaryKey: [],
    storage: ['cognito-backup-secondary-key'],
    runs: ['cognito-backup'],
    watch: ['cognito-backup', 'cognito-backup-runs'],
    secondary: ['cognito-backup', 'cognito-backup-secondary-key'],
    secondaryWatch: ['cognito-backup-secondary', 'cognito-backup-secondary-key'],
  });
  assert.equal(settings.name, 'cognito-backup');
});

test('the storage stack records the settings', () => {
  const { storage, deployment } = defaultStacks();
  const [[, parameter] = assert.fail()] = storage.ofType('AWS::SSM::Parameter');
  assert.equal(parameter.Properties.Name, '/cognito-backup/cognito-backup/settings');
  assert.deepEqual(JSON.parse(parameter.Properties.Value), effectiveSettings(deployment.settings));
});

test('a deployment without a second Region has no stacks, no replica and no graphs of one, and warns', () => {
  const { deployment, storage, watch } = synthesise({ ...CONTEXT, SecondaryRegion: 'none' });
  assert.deepEqual([deployment.secondaryKey, deployment.secondary, deployment.secondaryWatch], [undefined, undefined, undefined]);
  const { Replicas } = storage.only('AWS::DynamoDB::GlobalTable');
  assert.deepEqual(
    Replicas.map(({ Region }: { Region: string }) => Region),
    [PRIMARY],
  );
  assert.equal(Replicas[0].DeletionProtectionEnabled, true);
  assert.doesNotMatch(JSON.stringify(watch.json), /Imports in|delay of the replica/);
  assert.match(storage.warnings.join(), /SecondaryRegion is none, so the backup is in eu-west-1 only/);
  assert.doesNotMatch(defaultStacks().storage.warnings.join(), /SecondaryRegion/);
});
