/**
 * Checks that every role allows the calls of its function in `statemachines/operations.json`, and no others.
 *
 * The Rust test `operations` checks the file: it records the calls of the steps.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FunctionName, OPERATIONS, PartitionKind } from '../lib/operations';
import { CONTEXT, COPY, POOLS, PRIMARY, Statement, Template, synthesise } from './synthesised';

const ROLES: Partial<Record<FunctionName, string>> = {
  exportEnumerate: 'ExportEnumerateRole',
  exportPage: 'ExportPageRole',
  exportFinalize: 'ExportFinalizeRole',
  importEnumerate: 'ImportEnumerateRole',
  importPage: 'ImportPageRole',
  importFinalize: 'ImportFinalizeRole',
  removal: 'RemovalRemoveRole',
  copy: 'CopiesCopyRole',
};

/** A deployment with all functions. */
const allStacks = synthesise({ ...CONTEXT, ...COPY });

/** The functions in a stack. Only the primary Region has exports. */
const functionsOf = (stack: 'runs' | 'secondary') =>
  (Object.entries(ROLES) as [FunctionName, string][]).filter(([name]) => stack === 'runs' || name.startsWith('import'));

/** The kind of a partition key of a statement. */
const kindOf = (key: string): PartitionKind =>
  key.startsWith('RESTORE#HOLDS#') ? 'RESTORE#HOLDS' : (key.split('#')[0] as PartitionKind);

/** The actions that a role may do on the table, with the kind of partition. */
function tableActions(template: Template, role: string): { action: string; kind: PartitionKind }[] {
  const partitions = ({ Condition }: Statement) =>
    [Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? []].flat();
  return template
    .statements(role)
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap((statement) =>
      statement.actions
        .filter((action) => action.startsWith('dynamodb:'))
        .flatMap((action) =>
          partitions(statement).map((key) => ({ action: action.slice('dynamodb:'.length), kind: kindOf(key) })),
        ),
    );
}

const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

test('every function in operations.json has a role, or adds permissions to one', () => {
  assert.deepEqual(Object.keys(OPERATIONS.functions).sort(), [...Object.keys(ROLES), 'exportCapture'].sort());
});

test('every role allows the calls of its function to Cognito, SNS, logs and KMS, and no others', () => {
  for (const stack of ['runs', 'secondary'] as const) {
    const template = allStacks[stack];
    for (const [name, role] of functionsOf(stack)) {
      const permissions = OPERATIONS.functions[name];
      assert.deepEqual(template.allowed(role, 'cognito-idp'), sorted(permissions['cognito-idp']), role);
      assert.deepEqual(template.allowed(role, 'sns'), sorted(permissions.sns), role);
      assert.deepEqual(template.allowed(role, 'events'), sorted(permissions.events), role);
      // The address for heartbeats has a setting: see events.test.ts.
      assert.deepEqual(template.allowed(role, 'ssm'), [], role);
      // Every function also writes its own log.
      assert.deepEqual(template.allowed(role, 'logs'), sorted(['CreateLogStream', 'PutLogEvents', ...permissions.logs]), role);
      assert.deepEqual(template.allowed(role, 'kms'), sorted([...permissions.kms.table, ...permissions.kms.topic]), role);
    }
  }
});

test('the role of the page function reads configurations only if exports capture them', () => {
  const { exportCapture, exportPage } = OPERATIONS.functions;
  const allowed = (context: object) => synthesise({ ...CONTEXT, ...context }).runs.allowed('ExportPageRole', 'cognito-idp');
  const reads = sorted([...exportPage['cognito-idp'], ...exportCapture['cognito-idp']]);
  assert.deepEqual(allowed({ CaptureConfiguration: 'YES' }), reads);
  assert.deepEqual(allowed({ CaptureConfiguration: 'NO' }), sorted(exportPage['cognito-idp']));
  assert.ok(!exportPage['cognito-idp'].some((operation) => /Client|Provider|Domain|Branding/.test(operation)));
  // A record of a secret may lack its ciphertext, and a later export completes it.
  assert.deepEqual(exportCapture.dynamodb, { CONF: ['PutItem'] });
});

test('only the page function of exports may use the keys for secrets, and only to encrypt', () => {
  const { functions } = OPERATIONS;
  const { configuration } = functions.exportCapture.kms;
  assert.deepEqual([...configuration].sort(), ['Encrypt', 'GenerateDataKey', 'GenerateMac']);
  for (const [name, permissions] of Object.entries(functions)) {
    assert.deepEqual(permissions.kms.configuration, name === 'exportCapture' ? configuration : [], name);
  }
  const { runs, secondary } = synthesise({ ...CONTEXT, CaptureConfiguration: 'YES' });
  const own = runs.statements('ExportPageRole').filter(({ resources }) => resources.join().includes('ConfigurationKeys'));
  assert.deepEqual(
    own.map(({ actions, resources }) => [actions.join(), resources.join().replace(/\w{8}Arn\w{8}>$/, '')]),
    [
      ['kms:Encrypt,kms:GenerateDataKey', '<cognito-backup:ExportsOutputFnGetAttExportConfigurationKeysEncryption'],
      ['kms:GenerateMac', '<cognito-backup:ExportsOutputFnGetAttExportConfigurationKeysMac'],
    ],
  );
  // No other policy names the keys.
  const naming = (template: Template) =>
    template.all('AWS::IAM::Policy').filter((policy) => JSON.stringify(policy).includes('ConfigurationKeys'));
  assert.equal(naming(runs).length, 1);
  assert.equal(naming(secondary).length, 0);
});

test('the keys for secrets are multi-Region keys that stay, and exist only for exports that keep secrets', () => {
  const keys = (context: object) => {
    const { storage } = synthesise({ ...CONTEXT, ...context });
    return storage.ofType('AWS::KMS::Key').filter(([id]) => id.startsWith('ExportConfigurationKeys'));
  };
  const [[, encryption], [, mac], ...others] = keys({ CaptureConfiguration: 'YES' }) as any;
  assert.equal(others.length, 0);
  for (const key of [encryption, mac]) {
    assert.deepEqual(
      [key.Properties.MultiRegion, key.DeletionPolicy, key.UpdateReplacePolicy],
      [true, 'RetainExceptOnCreate', 'Retain'],
    );
    const principals = key.Properties.KeyPolicy.Statement.map((statement: any) => JSON.stringify(statement.Principal));
    principals.forEach((principal: string) => assert.match(principal, /:root/));
  }
  assert.deepEqual([mac.Properties.KeySpec, mac.Properties.KeyUsage], ['HMAC_256', 'GENERATE_VERIFY_MAC']);
  assert.equal(encryption.Properties.EnableKeyRotation, true);
  assert.equal(keys({}).length, 0);
  const withoutExports = { UserPoolIds: undefined, FormerUserPoolIds: POOLS, PrimaryRegion: PRIMARY };
  assert.equal(keys({ ...withoutExports, CaptureConfiguration: 'YES' }).length, 0);
  assert.equal(keys({ CaptureSecrets: 'YES' }).length, 0);
  assert.equal(keys({ CaptureConfiguration: 'YES', CaptureSecrets: 'NO' }).length, 0);
});

test('every role allows the table actions of its function on each kind of partition, and no other actions', () => {
  for (const stack of ['runs', 'secondary'] as const) {
    for (const [name, role] of functionsOf(stack)) {
      assertTableActions(allStacks[stack], role, [name]);
    }
  }
});

function assertTableActions(template: Template, role: string, functions: FunctionName[]): void {
  const allowed = tableActions(template, role);
  const recorded = functions.flatMap((name) =>
    Object.entries(OPERATIONS.functions[name].dynamodb).flatMap(([kind, actions]) => actions.map((action) => ({ action, kind }))),
  );
  for (const { action, kind } of recorded) {
    // The pattern RESTORE#* matches the partitions RESTORE#HOLDS#*, too.
    const isOfKind = (other: PartitionKind) => kind === other || (kind === 'RESTORE#HOLDS' && other === 'RESTORE');
    assert.ok(
      allowed.some((other) => other.action === action && isOfKind(other.kind)),
      `${role} does not allow ${action} on ${kind}`,
    );
  }
  assert.deepEqual(sorted(allowed.map(({ action }) => action)), sorted(recorded.map(({ action }) => action)), role);
}

test('finalize never calls Cognito, and exports only read pools', () => {
  const { functions } = OPERATIONS;
  for (const name of ['exportFinalize', 'removal', 'copy', 'importFinalize'] as const) {
    assert.deepEqual(functions[name]['cognito-idp'], []);
  }
  for (const operation of [
    ...functions.exportEnumerate['cognito-idp'],
    ...functions.exportPage['cognito-idp'],
    ...functions.exportCapture['cognito-idp'],
  ]) {
    assert.match(operation, /^(Describe|List|Get|AdminGet)\w+$/);
  }
});
