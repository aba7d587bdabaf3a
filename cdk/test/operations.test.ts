/**
 * Every role allows what its function calls, as `statemachines/operations.json` says, and nothing else.
 *
 * That the file is right is what the Rust test `operations` holds: it records the calls of the steps.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FunctionName, OPERATIONS, PartitionKind } from '../lib/operations';
import { CONTEXT, Statement, Template, synthesise, usual } from './synthesised';

const ROLES: Partial<Record<FunctionName, string>> = {
  exportEnumerate: 'ExportEnumerateRole',
  exportPage: 'ExportPageRole',
  exportFinalize: 'ExportFinalizeRole',
  importEnumerate: 'ImportEnumerateRole',
  importPage: 'ImportPageRole',
  importFinalize: 'ImportFinalizeRole',
};

/** The functions in the stack of a Region: exports run in the primary one only. */
const functionsOf = (region: 'primary' | 'secondary') =>
  (Object.entries(ROLES) as [FunctionName, string][]).filter(([name]) => region === 'primary' || name.startsWith('import'));

/** The kind of a partition key of a statement. */
const kindOf = (key: string): PartitionKind =>
  key.startsWith('RESTORE#HOLDS#') ? 'RESTORE#HOLDS' : (key.split('#')[0] as PartitionKind);

/** The actions that a role may take on the table, with the kind of partition. */
function onTable(template: Template, role: string): { action: string; kind: PartitionKind }[] {
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

test('every function of the file has a role, or adds to one', () => {
  assert.deepEqual(Object.keys(OPERATIONS.functions).sort(), [...Object.keys(ROLES), 'exportRetention'].sort());
});

test('the roles allow the operations of their functions on Cognito, the topic and the logs of jobs, and no others', () => {
  for (const region of ['primary', 'secondary'] as const) {
    const template = usual()[region];
    for (const [name, role] of functionsOf(region)) {
      const rights = OPERATIONS.functions[name];
      assert.deepEqual(template.allowed(role, 'cognito-idp'), sorted(rights['cognito-idp']), role);
      assert.deepEqual(template.allowed(role, 'sns'), sorted(rights.sns), role);
      // Every function also writes its own log.
      assert.deepEqual(template.allowed(role, 'logs'), sorted(['CreateLogStream', 'PutLogEvents', ...rights.logs]), role);
      assert.deepEqual(template.allowed(role, 'kms'), sorted([...rights.kms.table, ...rights.kms.topic]), role);
    }
  }
});

test('the roles allow what their functions do to the items of each kind of partition, and no action that they never take', () => {
  for (const region of ['primary', 'secondary'] as const) {
    for (const [name, role] of functionsOf(region)) {
      assertTable(usual()[region], role, [name]);
    }
  }
  assertTable(synthesise({ ...CONTEXT, SnapshotRetention: 'days=35' }).primary, 'ExportFinalizeRole', [
    'exportFinalize',
    'exportRetention',
  ]);
});

function assertTable(template: Template, role: string, functions: FunctionName[]): void {
  const allowed = onTable(template, role);
  const made = functions.flatMap((name) =>
    Object.entries(OPERATIONS.functions[name].dynamodb).flatMap(([kind, actions]) => actions.map((action) => ({ action, kind }))),
  );
  for (const { action, kind } of made) {
    // What holds of all partitions of restores holds of those that hold snapshots.
    const isOfKind = (other: PartitionKind) => kind === other || (kind === 'RESTORE#HOLDS' && other === 'RESTORE');
    assert.ok(
      allowed.some((one) => one.action === action && isOfKind(one.kind)),
      `${role} does not allow ${action} on ${kind}`,
    );
  }
  assert.deepEqual(sorted(allowed.map(({ action }) => action)), sorted(made.map(({ action }) => action)), role);
}

test('finalize of either state machine makes no call to Cognito, and no export changes a pool', () => {
  const { functions } = OPERATIONS;
  for (const name of ['exportFinalize', 'exportRetention', 'importFinalize'] as const) {
    assert.deepEqual(functions[name]['cognito-idp'], []);
  }
  for (const operation of [...functions.exportEnumerate['cognito-idp'], ...functions.exportPage['cognito-idp']]) {
    assert.match(operation, /^(Describe|List|Get|AdminGet)\w+$/);
  }
});
