/**
 * Goal: `npm run deploy` shows what it changes, refuses to leave a deployment behind, and protects the table at the end.
 *
 * Method: a cloud, a CDK and an operator in memory. They write down what the deployment asks of them.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readSettings } from '../lib/settings';
import { effectiveSettings } from '../lib/settings/effective';
import type { RecordedSettings } from '../scripts/comparison';
import { DeploymentError, runDeployment } from '../scripts/deployment-run';
import { CONTEXT, EMAIL, POOLS } from './synthesised';

/** What an account has before the deployment, and how the CDK and the operator answer. */
interface World {
  readonly deployed?: Record<string, RecordedSettings>;
  readonly stacks?: Record<string, string>;
  readonly profile?: string;
  readonly cdkArguments?: readonly string[];
  readonly cdkExitCode?: number;
  readonly answer?: boolean;
  readonly asksNothing?: boolean;
  /** The exit code of the second call of the CDK. */
  readonly secondExitCode?: number;
}

interface Outcome {
  /** What the deployment did, in order. */
  readonly steps: string[];
  /** What the operator saw. */
  readonly lines: string[];
  readonly error?: DeploymentError;
}

async function deployed(values: Record<string, unknown>, world: World = {}): Promise<Outcome> {
  const steps: string[] = [];
  const lines: string[] = [];
  const request = {
    settings: readSettings(values),
    file: 'config/prod.yaml',
    asksNothing: world.asksNothing ?? true,
    profile: world.profile,
    cdkArguments: world.cdkArguments ?? ['--verbose'],
  };
  const surroundings = {
    cloud: {
      account: async () => '111122223333',
      recordedSettings: async () => new Map(Object.entries(world.deployed ?? {})),
      stackStatus: async (_region: string, stack: string) => world.stacks?.[stack],
    },
    build: () => void steps.push('build'),
    cdk: async (arguments_: readonly string[]) => {
      const isSecond = steps.some((step) => step.startsWith('cdk '));
      steps.push(`cdk ${arguments_.join(' ')}`);
      return (isSecond ? world.secondExitCode : world.cdkExitCode) ?? 0;
    },
    ask: async () => {
      steps.push('ask');
      return world.answer ?? true;
    },
    print: (line: string) => void lines.push(line),
    now: () => new Date('2030-01-31T12:00:00Z'),
  };
  try {
    await runDeployment(request, surroundings);
  } catch (error) {
    assert.ok(error instanceof DeploymentError, String(error));
    return { steps, lines, error };
  }
  return { steps, lines };
}

/** The record of a deployment with these settings. */
const recordOf = (values: Record<string, unknown>): RecordedSettings => effectiveSettings(readSettings(values));

const RUNNING = { 'cognito-backup': 'CREATE_COMPLETE', 'cognito-backup-runs': 'UPDATE_COMPLETE' };
const CONTEXT_OF_CDK = '--context config=config/prod.yaml --context cognito-backup:functions=BUILT';
const NEXT_EXPORT = '--context cognito-backup:firstExport=2030-01-31T12:30:00.000Z';
const CDK = `cdk deploy --all ${CONTEXT_OF_CDK} ${NEXT_EXPORT}`;
const UNPROTECTED = '--context cognito-backup:protected=OFF';

test('the first deployment delays the first export, and protects the table and the stacks that must stay', async () => {
  const { steps, lines, error } = await deployed(CONTEXT);
  assert.equal(error, undefined);
  assert.deepEqual(steps, [
    'build',
    `${CDK} ${UNPROTECTED} --require-approval never --verbose`,
    `cdk deploy cognito-backup-secondary-key cognito-backup --exclusively ${CONTEXT_OF_CDK} ${NEXT_EXPORT} --require-approval never --verbose`,
  ]);
  assert.deepEqual(lines.slice(0, 2), [
    'Deployment cognito-backup in account 111122223333, eu-west-1 and eu-central-1',
    'This account has no settings of this deployment yet.',
  ]);
});

test('the step that protects keeps the file with the outputs of all stacks', async () => {
  for (const file of [['--outputs-file', 'outputs.json'], ['--outputs-file=outputs.json'], ['-O', 'outputs.json']]) {
    const { steps } = await deployed(CONTEXT, { cdkArguments: [...file, '--verbose'] });
    assert.ok(steps[1]?.endsWith(`never ${file.join(' ')} --verbose`), steps[1]);
    assert.ok(steps[2]?.endsWith('never --verbose'), steps[2]);
  }
});

test('a deployment with the same settings says so, and delays the next exports, too', async () => {
  const world = { deployed: { 'cognito-backup': recordOf(CONTEXT) }, stacks: RUNNING };
  const { steps, lines } = await deployed(CONTEXT, world);
  assert.equal(steps[1], `${CDK} --require-approval never --verbose`);
  assert.equal(lines[1], 'The settings are the deployed ones.');
});

test('a table that exists stays protected during the deployment, and a new one is protected last', async () => {
  for (const [status, isProtected] of Object.entries({
    CREATE_COMPLETE: true,
    UPDATE_COMPLETE: true,
    UPDATE_FAILED: true,
    UPDATE_ROLLBACK_COMPLETE: true,
    UPDATE_ROLLBACK_FAILED: true,
    IMPORT_COMPLETE: true,
    IMPORT_ROLLBACK_COMPLETE: true,
    DELETE_FAILED: true,
    CREATE_FAILED: false,
    ROLLBACK_COMPLETE: false,
    ROLLBACK_FAILED: false,
    REVIEW_IN_PROGRESS: false,
  })) {
    const { steps } = await deployed(CONTEXT, { stacks: { 'cognito-backup': status } });
    assert.equal(steps[1]?.includes(UNPROTECTED), !isProtected, status);
    assert.equal(steps.length, isProtected ? 2 : 3, status);
  }
});

test('a deployment beside another one is refused before it changes anything', async () => {
  for (const status of [
    'CREATE_IN_PROGRESS',
    'UPDATE_IN_PROGRESS',
    'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS',
    'ROLLBACK_IN_PROGRESS',
  ]) {
    const { steps, error } = await deployed(CONTEXT, { stacks: { 'cognito-backup': status } });
    assert.deepEqual(steps, [], status);
    assert.match(error?.message ?? '', new RegExp(`^The stack cognito-backup has the status ${status}: another deployment`));
  }
});

test('a deployment without pools to export sets no start', async () => {
  const restoreOnly = { FormerUserPoolIds: POOLS, PrimaryRegion: 'eu-west-1', SecondaryRegion: 'eu-central-1' };
  assert.doesNotMatch((await deployed(restoreOnly)).steps.join(), /firstExport/);
});

test('the CDK uses the profile of the comparison, and no argument for it can name another one', async () => {
  const { steps } = await deployed(CONTEXT, { profile: 'prod' });
  assert.equal(steps.filter((step) => step.startsWith('cdk ') && step.includes(' --profile prod ')).length, 2);
  for (const argument of [
    '--profile',
    '--profile=other',
    '--role-arn',
    '--no-execute',
    '--method=direct',
    'cognito-backup:protected=OFF',
  ]) {
    const { steps, error } = await deployed(CONTEXT, { cdkArguments: [argument] });
    assert.deepEqual(steps, [], argument);
    assert.ok(error?.message.startsWith(`npm run deploy does not pass ${argument} on to the CDK.`), error?.message);
  }
});

const WARNING =
  'WARNING: SnapshotRetention days=35,monthly=12 REMOVES SNAPSHOTS: after the next export of each pool, those that no rule keeps go. See which: cognito-backup prune --pool POOL --keep-days 35 --keep-monthly 12 --plan. To keep every snapshot, set SnapshotRetention: none.';

test('rules of retention that are new to a deployment are a warning, and none and unchanged ones are not', async () => {
  const linesOf = async (before: RecordedSettings, change: object) => {
    const world = { deployed: { 'cognito-backup': before }, stacks: RUNNING };
    return (await deployed({ ...CONTEXT, ...change }, world)).lines;
  };
  // An earlier version kept every snapshot by default.
  const keepingAll = { ...recordOf(CONTEXT), SnapshotRetention: null };
  const lines = await linesOf(keepingAll, {});
  assert.ok(lines.includes('  SnapshotRetention: none → days=35,monthly=12') && lines.includes(WARNING), lines.join('\n'));
  for (const [before, change] of [
    [keepingAll, { SnapshotRetention: 'none' }],
    [recordOf(CONTEXT), {}],
    [recordOf(CONTEXT), { SnapshotRetention: 'none' }],
  ] as const) {
    assert.ok(!(await linesOf(before, change)).some((line) => line.startsWith('WARNING')));
  }
  // An earlier version recorded no settings, and neither has a table that came back by `cdk import`.
  assert.ok((await deployed(CONTEXT, { stacks: RUNNING })).lines.includes(WARNING));
  assert.ok(!(await deployed(CONTEXT, {})).lines.includes(WARNING));
});

test('the operator sees each change of the deployed settings before the question', async () => {
  const before = { ...CONTEXT, CognitoTPS: 20, SnapshotRetention: 'days=35' };
  const after = { ...CONTEXT, UserPoolIds: [POOLS[0], 'eu-west-1_Added'], NotificationEmail: 'other@example.com' };
  const world = { deployed: { 'cognito-backup': recordOf(before) }, stacks: RUNNING, asksNothing: false };
  const { steps, lines } = await deployed(after, world);
  const digests = /^ {2}NotificationEmail: hidden, digest [0-9a-f]{4} → hidden, digest [0-9a-f]{4}$/;
  assert.deepEqual(
    lines.slice(1, 9).map((line) => (digests.test(line) ? '  NotificationEmail' : line)),
    [
      'Changes of the deployed settings:',
      `  UserPoolIds: − ${POOLS[1]}`,
      '  UserPoolIds: + eu-west-1_Added',
      '  SnapshotRetention: days=35 → days=35,monthly=12',
      '  CognitoTPS: 20 → 10',
      '  NotificationEmail',
      WARNING,
      `Exports of ${POOLS[1]} end. Its snapshots stay.`,
    ],
  );
  assert.deepEqual(steps.slice(0, 2), ['ask', 'build']);
  assert.match(steps[2] ?? '', /^cdk deploy --all (?!.*--require-approval)/);
});

test('without the consent of the operator, nothing is built or deployed', async () => {
  const { steps, error } = await deployed(CONTEXT, { asksNothing: false, answer: false });
  assert.deepEqual(steps, ['ask']);
  assert.equal(error?.message, 'Nothing is deployed.');
});

test('another Name for pools that a deployment exports already is refused', async () => {
  const world = { deployed: { 'cognito-backup': recordOf(CONTEXT) } };
  const { steps, error } = await deployed({ ...CONTEXT, Name: 'second' }, world);
  assert.deepEqual(steps, []);
  assert.match(
    error?.message ?? '',
    /^The deployment cognito-backup exports eu-west-1_AbCdEf123, eu-west-1_GhIjKl456 already\. To change that deployment, use Name: cognito-backup\./,
  );
  const others = { ...CONTEXT, Name: 'second', UserPoolIds: ['eu-west-1_Others'] };
  assert.equal((await deployed(others, world)).error, undefined);
});

test('another SecondaryRegion of a deployment is refused, and a first one is not', async () => {
  const world = { deployed: { 'cognito-backup': recordOf(CONTEXT) } };
  for (const region of ['eu-north-1', 'none']) {
    const { steps, error } = await deployed({ ...CONTEXT, SecondaryRegion: region }, world);
    assert.deepEqual(steps, []);
    assert.match(
      error?.message ?? '',
      /^The deployment cognito-backup has its replica in eu-central-1, .* Use SecondaryRegion: eu-c/,
    );
  }
  const oneRegion = { deployed: { 'cognito-backup': recordOf({ ...CONTEXT, SecondaryRegion: 'none' }) } };
  assert.equal((await deployed(CONTEXT, oneRegion)).error, undefined);
});

test('the policy of a replica that is new comes after the replica, because CloudFormation cannot make both at once', async () => {
  const role = { BreakGlassRole: 'arn:aws:iam::111122223333:role/break-glass' };
  const oneRegion = {
    deployed: { 'cognito-backup': recordOf({ ...CONTEXT, ...role, SecondaryRegion: 'none' }) },
    stacks: RUNNING,
  };
  const { steps } = await deployed({ ...CONTEXT, ...role }, oneRegion);
  const isLater = '--context cognito-backup:newReplica=YES';
  assert.deepEqual(steps.slice(1), [
    `${CDK} ${isLater} --require-approval never --verbose`,
    `cdk deploy cognito-backup-secondary-key cognito-backup --exclusively ${CONTEXT_OF_CDK} ${NEXT_EXPORT} --require-approval never --verbose`,
  ]);
  // Without a policy, one step is enough. So it is if the replica exists.
  assert.equal((await deployed(CONTEXT, oneRegion)).steps.length, 2);
  const twoRegions = { deployed: { 'cognito-backup': recordOf(CONTEXT) }, stacks: RUNNING };
  assert.equal((await deployed({ ...CONTEXT, ...role }, twoRegions)).steps.length, 2);
});

test('a deployment in one Region protects only the stack that it has', async () => {
  const { steps } = await deployed({ ...CONTEXT, SecondaryRegion: 'none' });
  assert.match(steps[2] ?? '', /^cdk deploy cognito-backup --exclusively /);
});

test('the step that protects includes the stack of the vault, if there is one', async () => {
  const { steps } = await deployed({ ...CONTEXT, SecondaryRegion: 'none', BackupVault: 'YES' });
  assert.match(steps[2] ?? '', /^cdk deploy cognito-backup cognito-backup-vault --exclusively /);
});

test('if the CDK fails, nothing is protected, so that the deployment can be repeated', async () => {
  const { steps, error } = await deployed(CONTEXT, { cdkExitCode: 1 });
  assert.equal(steps.length, 2);
  assert.match(error?.message ?? '', /^The CDK has not deployed all stacks: .* run npm run deploy again\./);
});

test('if the protection fails, the error says that the stacks are deployed', async () => {
  const { error } = await deployed(CONTEXT, { secondExitCode: 1 });
  assert.match(
    error?.message ?? '',
    /^All stacks of cognito-backup are deployed, but not all are protected: .* Run npm run deploy again/,
  );
});

test('the record of the settings has no personal data, but shows that it changes', () => {
  const user = 'arn:aws:iam::111122223333:user/jane.doe';
  const values = { ...CONTEXT, TrustedPrincipals: [user, '444455556666'], TrustedExternalId: 'migration' };
  const record = JSON.stringify(recordOf(values));
  for (const hidden of [EMAIL, 'jane.doe', 'migration']) {
    assert.ok(!record.includes(hidden), hidden);
  }
  assert.ok(record.includes('444455556666'));
  assert.notEqual(record, JSON.stringify(recordOf({ ...values, NotificationEmail: 'other@example.com' })));
});

test('the record fits into a parameter, also with very long lists', () => {
  const roles = Array.from({ length: 200 }, (_, number) => `arn:aws:iam::111122223333:role/role-${number}`);
  const pools = Array.from({ length: 20 }, (_, number) => `eu-west-1_${String(number).padStart(40, 'A')}`);
  const principals = roles.map((role) => role.replace('role-', 'reader-'));
  const values = { ...CONTEXT, UserPoolIds: pools, RepairablePools: pools, GroupRoleArns: roles, TrustedPrincipals: principals };
  const record = JSON.stringify(recordOf(values));
  assert.ok(record.length <= 4096, `${record.length} characters`);
  assert.match(record, /"GroupRoleArns":"200 values, digest [0-9a-f]{16}"/);
});
