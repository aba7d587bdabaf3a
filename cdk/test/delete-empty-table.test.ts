/**
 * Runs the script of the guide that deletes an empty table, with a stand-in for the AWS CLI. The stand-in keeps a
 * table and its replica, answers what the script asks, and records what the script changes.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';

import { WORKSPACE } from '../lib/function-code';

/** What the stand-in keeps. A count is that of the items in a Region. */
interface Account {
  readonly stack: string;
  readonly counts: Record<string, number>;
  readonly isProtected: Record<string, boolean>;
  readonly replicas: string[];
  /** Whether a scan has more pages. */
  readonly hasMorePages?: boolean;
  /** The calls that change something. */
  readonly changes: string[];
}

const EMPTY: Account = {
  stack: 'ROLLBACK_FAILED',
  counts: { 'eu-west-1': 0, 'eu-central-1': 0 },
  isProtected: { 'eu-west-1': true, 'eu-central-1': true },
  replicas: ['eu-central-1'],
  changes: [],
};

/** The stand-in. Like DynamoDB, it deletes no protected table, and no table with a replica. */
const AWS = `#!${process.execPath}
const { readFileSync, writeFileSync } = require('node:fs');
const file = process.env.ACCOUNT;
const account = JSON.parse(readFileSync(file, 'utf8'));
const words = process.argv.slice(2);
const option = (name) => words[words.indexOf(name) + 1];
const fail = (message) => { console.error(message); process.exit(255); };
const region = option('--region');
const change = (text) => account.changes.push(text + ' ' + region);
const operation = words.slice(0, words[1] === 'wait' ? 3 : 2).join(' ');
if (!operation.startsWith('cloudformation') && option('--table-name') !== 'people') fail('ResourceNotFoundException');
switch (operation) {
  case 'cloudformation describe-stacks':
    if (account.stack === 'none') fail('Stack with id people does not exist');
    if (account.stack === 'denied') fail('AccessDenied');
    console.log(account.stack);
    break;
  case 'dynamodb describe-table':
    if (option('--query').includes('Replicas')) console.log(account.replicas.join());
    else if (option('--query').includes('Protection')) console.log(account.isProtected[region] ? 'True' : 'False');
    else console.log('arn:aws:kms:' + region + ':111122223333:key/k');
    break;
  case 'dynamodb scan':
    if (!words.includes('--consistent-read')) fail('not consistent');
    if (account.counts[region] === undefined) fail('KMSAccessDeniedException');
    console.log(account.counts[region] === 0 && !account.hasMorePages ? 'True' : 'False');
    break;
  case 'dynamodb update-table':
    if (words.includes('--no-deletion-protection-enabled')) {
      account.isProtected[region] = false;
      change('unprotect');
    } else {
      const [{ Delete }] = JSON.parse(option('--replica-updates'));
      if (account.isProtected[Delete.RegionName]) fail('protected');
      account.replicas = account.replicas.filter((name) => name !== Delete.RegionName);
      change('delete replica ' + Delete.RegionName + ' from');
    }
    break;
  case 'dynamodb delete-table':
    if (account.isProtected[region] || account.replicas.length > 0) fail('refused');
    change('delete table');
    break;
  case 'dynamodb wait table-exists':
  case 'dynamodb wait table-not-exists':
    break;
  default:
    fail('unknown: ' + operation);
}
writeFileSync(file, JSON.stringify(account));
`;

/** Runs the script, and gives back its exit code, its errors, and what it has changed. */
function run(change: Partial<Account>): { code: number | null; errors: string; changes: string[] } {
  const guide = readFileSync(join(WORKSPACE, 'docs', 'guides', 'deploy.md'), 'utf8');
  const [, script = assert.fail()] = /```sh\n(.*?)```/s.exec(guide) ?? [];
  const filledIn = script
    .replace('<NAME>', 'people')
    .replace('<PRIMARY REGION>', 'eu-west-1')
    .replace('<SECONDARY REGION>', 'eu-central-1');
  const folder = mkdtempSync(join(tmpdir(), 'delete-empty-table-'));
  try {
    const account = join(folder, 'account.json');
    writeFileSync(account, JSON.stringify({ ...EMPTY, ...change }));
    writeFileSync(join(folder, 'aws'), AWS, { mode: 0o755 });
    writeFileSync(join(folder, 'sleep'), '#!/bin/sh\n', { mode: 0o755 });
    const env = { PATH: folder + delimiter + process.env.PATH, ACCOUNT: account };
    const { status, stderr } = spawnSync('sh', ['-c', filledIn], { env, encoding: 'utf8', timeout: 60_000 });
    return { code: status, errors: stderr, changes: JSON.parse(readFileSync(account, 'utf8')).changes };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the script deletes an empty replica, then the empty table', () => {
  for (const stack of ['ROLLBACK_FAILED', 'ROLLBACK_COMPLETE', 'none']) {
    assert.deepEqual(run({ stack }), {
      code: 0,
      errors: '',
      changes: [
        'unprotect eu-central-1',
        'delete replica eu-central-1 from eu-west-1',
        'unprotect eu-west-1',
        'delete table eu-west-1',
      ],
    });
  }
});

test('the script deletes an empty table without a replica', () => {
  const { code, changes } = run({ replicas: [], counts: { 'eu-west-1': 0 } });
  assert.deepEqual([code, changes], [0, ['unprotect eu-west-1', 'delete table eu-west-1']]);
});

test('the script continues after it was interrupted', () => {
  const { code, changes } = run({ isProtected: { 'eu-west-1': false, 'eu-central-1': false } });
  assert.deepEqual([code, changes], [0, ['delete replica eu-central-1 from eu-west-1', 'delete table eu-west-1']]);
});

test('the script changes nothing if a table holds an item, cannot be read, or is in use', () => {
  const refused: [Partial<Account>, RegExp][] = [
    [{ counts: { 'eu-west-1': 1, 'eu-central-1': 0 } }, /The table in eu-west-1 has items/],
    [{ counts: { 'eu-west-1': 0, 'eu-central-1': 1 } }, /The table in eu-central-1 has items/],
    [{ counts: { 'eu-west-1': 1 }, replicas: [] }, /The table in eu-west-1 has items/],
    [{ hasMorePages: true }, /The table in eu-west-1 has items/],
    [{ counts: {} }, /KMSAccessDenied/],
    [{ counts: { 'eu-west-1': 0 } }, /KMSAccessDenied/],
    [{ stack: 'CREATE_COMPLETE' }, /The stack people has the status CREATE_COMPLETE/],
    [{ stack: 'ROLLBACK_IN_PROGRESS' }, /has the status ROLLBACK_IN_PROGRESS/],
    [{ stack: 'denied' }, /AccessDenied/],
    [{ replicas: ['eu-central-1', 'us-east-1'] }, /other replicas: eu-central-1,us-east-1/],
  ];
  for (const [change, message] of refused) {
    const { code, errors, changes } = run(change);
    assert.deepEqual([code === 0, changes], [false, []], JSON.stringify(change));
    assert.match(errors, message);
  }
});
