/**
 * Goal: the script in the guide for the AWS CLI deploys every template in the right order, and protects the table last.
 *
 * Method: run it with a stand-in for the AWS CLI, which keeps the statuses of the stacks and records what changes.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';

import { PARAMETERS } from '../lib/dist/parameters';
import { WORKSPACE } from '../lib/function-code';

const GUIDE = readFileSync(join(WORKSPACE, 'docs', 'guides', 'deploy-with-the-aws-cli.md'), 'utf8');

/** What the stand-in keeps. */
interface Account {
  /** The status of each stack, by Region and name. */
  readonly stacks: Record<string, string>;
  /** The stack whose deployment fails. */
  readonly failing?: string;
  /** Whether the credentials may not describe stacks. */
  readonly isDenied?: boolean;
  /** The calls that change something. */
  readonly changes: string[];
  /** The parameters of each deployment. */
  readonly parameters: string[][];
}

const AWS = `#!${process.execPath}
const { readFileSync, writeFileSync } = require('node:fs');
const file = process.env.ACCOUNT;
const account = JSON.parse(readFileSync(file, 'utf8'));
const words = process.argv.slice(2);
const option = (name) => words[words.indexOf(name) + 1];
const fail = (message) => { console.error(message); writeFileSync(file, JSON.stringify(account)); process.exit(255); };
const stack = option('--region') + ' ' + option('--stack-name');
switch (words.slice(1, words[1] === 'wait' ? 3 : 2).join(' ')) {
  case 'describe-stacks':
    if (account.isDenied) fail('AccessDenied');
    if (account.stacks[stack] === undefined) fail('Stack with id ' + stack + ' does not exist');
    console.log(account.stacks[stack]);
    break;
  case 'deploy': {
    if (account.stacks[stack] === 'ROLLBACK_COMPLETE') fail('ROLLBACK_COMPLETE state and can not be updated');
    const parameters = words.slice(words.indexOf('--parameter-overrides') + 1);
    account.parameters.push(parameters);
    const shield = option('--template-file').includes('storage') ? ' ' + parameters.find((text) => text.startsWith('Protected=')) : '';
    account.changes.push(stack + ' ' + option('--template-file') + ' ' + option('--s3-bucket') + shield);
    if (account.failing === stack) {
      account.stacks[stack] = account.stacks[stack] ? 'UPDATE_ROLLBACK_COMPLETE' : 'ROLLBACK_COMPLETE';
      fail('Failed to create/update the stack');
    }
    account.stacks[stack] = 'CREATE_COMPLETE';
    break;
  }
  case 'delete-stack':
    account.changes.push(stack + ' deleted');
    delete account.stacks[stack];
    break;
  case 'wait stack-delete-complete':
    break;
  case 'update-termination-protection':
    account.changes.push(stack + (words.includes('--enable-termination-protection') ? ' protected' : ''));
    break;
  default:
    fail('unexpected: ' + words.join(' '));
}
writeFileSync(file, JSON.stringify(account));
`;

const EMPTY: Account = { stacks: {}, changes: [], parameters: [] };

/** Runs the script, and returns what it changed. */
function run(before: Account, secondary = 'eu-central-1'): { account: Account; status: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'guide-'));
  try {
    const script = GUIDE.match(/```sh\n([\s\S]*?)```/)![1]!
      .replace('<PRIMARY REGION>', 'eu-west-1')
      .replace('<SECONDARY REGION>', secondary)
      .replace('<BUCKETS>', 'release')
      .replace('<POOL>', 'eu-west-1_AbCdEf123')
      .replace('<ADDRESS>', 'backup@example.com');
    assert.doesNotMatch(script, /<[A-Z ]+>/);
    const account = join(folder, 'account.json');
    writeFileSync(account, JSON.stringify(before));
    writeFileSync(join(folder, 'aws'), AWS, { mode: 0o755 });
    const env = { ...process.env, PATH: [folder, process.env.PATH].join(delimiter), ACCOUNT: account };
    const { status } = spawnSync('sh', ['-c', script], { env, encoding: 'utf8' });
    return { account: JSON.parse(readFileSync(account, 'utf8')), status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const DEPLOYED = (first: 'OFF' | 'ON') => [
  'eu-central-1 cognito-backup-secondary-key templates/secondary-key.template.json release-eu-central-1',
  `eu-west-1 cognito-backup templates/storage.template.json release-eu-west-1 Protected=${first}`,
  'eu-west-1 cognito-backup-runs templates/runs.template.json release-eu-west-1',
  'eu-west-1 cognito-backup-watch templates/watch.template.json release-eu-west-1',
  'eu-central-1 cognito-backup-secondary templates/secondary.template.json release-eu-central-1',
  'eu-central-1 cognito-backup-secondary-watch templates/secondary-watch.template.json release-eu-central-1',
  'eu-central-1 cognito-backup-secondary-key protected',
  'eu-west-1 cognito-backup templates/storage.template.json release-eu-west-1 Protected=ON',
  'eu-west-1 cognito-backup protected',
];

test('the first deployment with the AWS CLI protects the table last', () => {
  const { account, status } = run(EMPTY);
  assert.equal(status, 0);
  assert.deepEqual(account.changes, DEPLOYED('OFF'));
});

test('a later deployment with the AWS CLI keeps the table protected', () => {
  const { account } = run({ ...run(EMPTY).account, changes: [] });
  assert.deepEqual(account.changes, DEPLOYED('ON'));
});

test('a first deployment that fails is repeated, and the table is not protected before', () => {
  const failed = run({ ...EMPTY, failing: 'eu-west-1 cognito-backup' });
  assert.notEqual(failed.status, 0);
  assert.deepEqual(failed.account.changes, DEPLOYED('OFF').slice(0, 2));
  const repeated = run({ ...failed.account, failing: undefined, changes: [] });
  assert.equal(repeated.status, 0);
  const deleted = 'eu-west-1 cognito-backup deleted';
  assert.deepEqual(repeated.account.changes, [DEPLOYED('OFF')[0], deleted, ...DEPLOYED('OFF').slice(1)]);
});

test('a first deployment that was only reviewed leaves a table that is protected last', () => {
  const reviewed = { ...EMPTY, stacks: { 'eu-west-1 cognito-backup': 'REVIEW_IN_PROGRESS' } };
  assert.deepEqual(run(reviewed).account.changes, DEPLOYED('OFF'));
});

test('a deployment with the AWS CLI to one Region needs no second one', () => {
  const { account, status } = run(EMPTY, 'none');
  assert.equal(status, 0);
  assert.deepEqual(
    account.changes,
    DEPLOYED('OFF').filter((change) => change.startsWith('eu-west-1')),
  );
});

test('a deployment with the AWS CLI that cannot read the stacks changes nothing', () => {
  const { account, status } = run({ ...EMPTY, isDenied: true });
  assert.notEqual(status, 0);
  assert.deepEqual(account.changes, []);
});

test('the script of the guide gives every parameter that has no default, and only values that are allowed', () => {
  for (const parameters of run(EMPTY).account.parameters) {
    const values = new Map(parameters.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
    for (const parameter of PARAMETERS.filter(({ name, default: value }) => value === undefined || values.has(name))) {
      const value = values.get(parameter.name);
      assert.ok(value !== undefined, parameter.name);
      assert.match(value, new RegExp(parameter.allowedPattern ?? ''), parameter.name);
      assert.ok(parameter.allowedValues?.includes(value) ?? true, parameter.name);
      values.delete(parameter.name);
    }
    assert.deepEqual([...values.keys()], []);
  }
});
