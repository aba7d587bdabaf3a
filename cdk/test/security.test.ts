/**
 * Goal: `docs/security.md` stays true of the roles, functions, keys and commands.
 *
 * Method: synthesise a deployment with every option that adds a role, a permission or a key. Compare its templates with
 * the tables of the page: which roles there are, what each may do with the partitions of the table, which function has
 * which role, and which keys there are. The commands are those of the reference of the command line.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { WORKSPACE } from '../lib/function-code';
import { CONTEXT, COPY, Template, readable, synthesise } from './synthesised';

const PAGE = readFileSync(join(WORKSPACE, 'docs', 'security.md'), 'utf8');
const COMMAND_LINE = readFileSync(join(WORKSPACE, 'docs', 'reference', 'command-line.md'), 'utf8');

const RETENTION = 'SnapshotRetention';
const OPTIONS = { CaptureConfiguration: 'YES', TrustedPrincipals: '111122223333', BackupVault: 'YES', ...COPY };

const DOES = {
  reads: ['GetItem', 'BatchGetItem', 'Query', 'Scan'],
  writes: ['PutItem', 'PartiQLInsert', 'UpdateItem', 'BatchWriteItem'],
  deletes: ['DeleteItem', 'BatchWriteItem'],
} as const;

/** The templates of all stacks of a deployment. */
function templates(change: object = {}): Template[] {
  return Object.values(synthesise({ ...CONTEXT, ...OPTIONS, ...change })).filter((value) => value instanceof Template);
}

const withoutRetention = templates({ [RETENTION]: 'none' });
const withRetention = templates();

/** The texts in backquotes in a cell. */
const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');

/** The rows of the last table below a heading, without its head. */
function rows(heading: string): string[][] {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? assert.fail(heading);
  const table = section.split(/^\|[-|]+\|$/m).at(-1) ?? '';
  const lines = table.trimStart().split('\n');
  return lines.slice(0, lines.indexOf('')).map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

/** The names of roles in the first cell of a row. */
const rolesIn = ([first = '']: string[]): string[] => codes(first).filter((code) => /Role/.test(code));

/** The logical ids of roles, and the templates that define them. */
function rolesOf(all: readonly Template[]): [string, Template][] {
  return all.flatMap((template) => template.ofType('AWS::IAM::Role').map(([id]): [string, Template] => [id, template]));
}

/** Whether a logical id is this name with the suffixes of the CDK. */
const isRole = (id: string, name: string): boolean => new RegExp(`^${name}[0-9a-f]*[0-9A-F]{8}$`).test(id);

/** The kinds of partitions on which a role may do one of these actions. */
function kinds(template: Template, id: string, actions: readonly string[]): string[] {
  const allowed = template
    .statements(id)
    .filter((statement) => statement.Effect === 'Allow')
    .filter((statement) => actions.some((action) => statement.actions.includes(`dynamodb:${action}`)));
  const keys = allowed.flatMap(
    (statement) => statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? ['*'],
  );
  return [...new Set(keys.map((key) => key.split('#')[0] ?? ''))].sort();
}

test('docs/security.md has every role, and no other, in its tables of roles and of stolen roles', () => {
  const ids = rolesOf(withRetention).map(([id]) => id);
  assert.ok(ids.length > 0);
  for (const heading of ['Roles', 'If a role is stolen']) {
    const names = rows(heading).flatMap(rolesIn);
    const unnamed = ids.filter((id) => !names.some((name) => isRole(id, name)));
    assert.deepEqual(unnamed, [], `${heading}: the page does not name these roles`);
    const absent = names.filter((name) => !ids.some((id) => isRole(id, name)));
    assert.deepEqual(absent, [], `${heading}: no template has these roles`);
  }
});

test('docs/security.md says which partitions each role reads, writes and can delete', () => {
  for (const row of rows('Roles')) {
    const [first = '', , reads = '', writes = '', deletes = ''] = row;
    const all = codes(first).includes(RETENTION) ? withRetention : withoutRetention;
    for (const name of rolesIn(row)) {
      const found = rolesOf(all).filter(([id]) => isRole(id, name));
      assert.ok(found.length > 0, name);
      for (const [id, template] of found) {
        const cells = { reads, writes, deletes };
        for (const [what, actions] of Object.entries(DOES)) {
          const said = codes(cells[what as keyof typeof DOES]).sort();
          assert.deepEqual(said, kinds(template, id, actions), `${first}: ${what}`);
        }
      }
    }
  }
});

test('docs/security.md says which roles come with rules of retention, and these change no other role', () => {
  const before = rolesOf(withoutRetention);
  const own = rolesOf(withRetention).filter(([id]) => !before.some(([other]) => other === id));
  const named = rows('Roles')
    .filter(([first = '']) => codes(first).includes(RETENTION))
    .flatMap(rolesIn);
  assert.deepEqual(own.map(([id]) => named.find((name) => isRole(id, name)) ?? id).sort(), named.sort());
  for (const [number, template] of withoutRetention.entries()) {
    const after = withRetention[number] ?? assert.fail();
    template.ofType('AWS::IAM::Role').forEach(([id]) => assert.deepEqual(after.statements(id), template.statements(id), id));
  }
});

test('as docs/security.md says, no role can scan or change the table, change a key, or delete a user, a group or a pool', () => {
  const actions = withRetention
    .flatMap((template) => template.ofType('AWS::IAM::Role').flatMap(([id]) => template.statements(id)))
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap((statement) => statement.actions);
  assert.ok(actions.includes('dynamodb:DescribeTable') && actions.includes('kms:GenerateMac'));
  const known =
    /^dynamodb:((Batch)?GetItem|Query|PutItem|PartiQLInsert|UpdateItem|BatchWriteItem|ConditionCheckItem|DeleteItem|DescribeTable|StartAwsBackupJob|CreateBackup|DescribeBackup|DeleteBackup|ListTagsOfResource)$/;
  assert.deepEqual(
    actions.filter((action) => action.startsWith('dynamodb:') && !known.test(action)),
    [],
  );
  const use = /^kms:(CreateGrant|Decrypt|DescribeKey|Encrypt|GenerateDataKey|GenerateMac|ReEncryptFrom|ReEncryptTo)$/;
  assert.deepEqual(
    actions.filter((action) => action.startsWith('kms:') && !use.test(action)),
    [],
  );
  const deletes = /^cognito-idp:(\*|(Admin)?Delete(?!UserAttributes$).*)$/;
  assert.deepEqual(
    actions.filter((action) => deletes.test(action)),
    [],
  );
});

test('as docs/security.md says, no function has a URL, and only the rules for stopped executions may invoke finalize', () => {
  for (const template of withRetention) {
    assert.deepEqual(template.ofType('AWS::Lambda::Url'), []);
    const rules = template
      .all('AWS::Events::Rule')
      .map(({ Name }) => Name)
      .filter((name) => name.endsWith('-stopped'));
    const permissions = template.all('AWS::Lambda::Permission');
    assert.deepEqual(permissions.map(({ SourceArn }) => readable(SourceArn).replace(/^.*:rule\//, '')).sort(), rules.sort());
    for (const { Action, FunctionName, Principal } of permissions) {
      assert.deepEqual([Action, Principal], ['lambda:InvokeFunction', 'events.amazonaws.com']);
      assert.match(readable(FunctionName), /^<(Export|Import)FinalizeFunctionCurrentVersion\w+>$/);
    }
  }
});

test('docs/security.md names every function beside its role', () => {
  const functions = withRetention.flatMap((template) => template.all('AWS::Lambda::Function'));
  const ofRow = (row: string[]) => codes(row[0] ?? '').filter((code) => code.startsWith('cognito-backup-'));
  for (const { FunctionName, Role } of functions) {
    const row =
      rows('Roles').find((row) => ofRow(row).includes(FunctionName)) ?? assert.fail(`${FunctionName} is not on the page`);
    const id = readable(Role).replace(/^<(\w+)\.Arn>$/, '$1');
    assert.ok(
      rolesIn(row).some((name) => isRole(id, name)),
      `${FunctionName} has the role ${id}`,
    );
  }
  const names = new Set(functions.map(({ FunctionName }) => FunctionName));
  assert.deepEqual(
    rows('Roles')
      .flatMap(ofRow)
      .filter((name) => !names.has(name)),
    [],
  );
});

test('docs/security.md has a row for every key', () => {
  const aliases = withRetention.flatMap((template) => template.all('AWS::KMS::Alias')).map(({ AliasName }) => AliasName);
  const named = rows('Keys and secrets').flatMap(([first = '']) => codes(first));
  assert.deepEqual(named.sort(), [...new Set(aliases)].sort());
});

test('docs/security.md has a row for every command', () => {
  const verbs = [...COMMAND_LINE.matchAll(/^\| \[`([\w-]+)`\]/gm)].map(([, verb]) => verb ?? '');
  const parts = [...COMMAND_LINE.matchAll(/^### ([\w -]+)$/gm)].map(([, part]) => part ?? '');
  const commands = [...verbs.filter((verb) => !parts.some((part) => part.startsWith(`${verb} `))), ...parts];
  assert.ok(commands.includes('prune') && commands.includes('pool apply'));
  assert.deepEqual(
    rows('People')
      .flatMap(([first = '']) => codes(first))
      .sort(),
    commands.sort(),
  );
});

test('the policy and the selectors on docs/security.md are JSON', () => {
  const policy = /^```json\n([\s\S]+?)^```/m.exec(PAGE)?.[1] ?? assert.fail('no policy');
  const selectors = /^\$ cat selectors\.json\n([\s\S]+?)^\$/m.exec(PAGE)?.[1] ?? assert.fail('no selectors');
  assert.equal(JSON.parse(policy).Statement[0].Effect, 'Deny');
  assert.ok(JSON.parse(selectors).every(({ FieldSelectors }: any) => FieldSelectors[0].Equals[0] === 'Data'));
});
