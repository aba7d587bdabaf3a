/**
 * Goal: a deployment with `CopyFrom` copies the snapshots of another account, and may do nothing else there or here.
 *
 * Method: synthesise deployments with and without it, and read settings, roles, schedules and alarms.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { OPERATIONS } from '../lib/operations';
import { type Settings, SettingsError, readSettings } from '../lib/settings';
import { effectiveSettings } from '../lib/settings/effective';
import { CONTEXT, COPIED_POOL, COPY, PRIMARY, SECONDARY, Template, defaultStacks, readable, synthesise } from './synthesised';

const COPY_ONLY = { SecondaryRegion: SECONDARY, PrimaryRegion: PRIMARY, ...COPY };
const stacks = synthesise({ ...CONTEXT, ...COPY });
const ROLE = 'CopiesCopyRole';

const problemsOf = (values: Record<string, unknown>): string => {
  try {
    readSettings(values);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.message;
  }
  return '';
};
const copyOf = (values: Record<string, unknown>): Settings['copyFrom'] => readSettings({ ...CONTEXT, ...values }).copyFrom;

test('one line turns copies on, and names the reader role of the other deployment', () => {
  assert.equal(copyOf({}), undefined);
  assert.deepEqual(copyOf(COPY), {
    tableArn: 'arn:aws:dynamodb:eu-west-1:444455556666:table/source-backup',
    roleArn: 'arn:aws:iam::444455556666:role/source-backup-reader-eu-west-1',
    externalId: undefined,
    schedule: { expression: 'rate(1 hour)' },
  });
  const role = 'arn:aws:iam::444455556666:role/paths/reader';
  const details = copyOf({ ...COPY, CopyFromRole: role, CopyFromExternalId: 'both-sides', CopyFrequency: 'cron(5 3 * * ? *)' });
  assert.deepEqual(
    [details?.roleArn, details?.externalId, details?.schedule],
    [role, 'both-sides', { expression: 'cron(5 3 * * ? *)' }],
  );
});

test('a wrong value of a setting of copies has a problem, which says what is allowed', () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ CopyFrom: 'source-backup' }, /^CopyFrom .* the ARN of a backup table of another account, such as arn:aws:dynamodb:/],
    [{ CopyFrom: 'arn:aws-cn:dynamodb:cn-north-1:444455556666:table/x-y' }, /^CopyFrom .* begin with arn:aws:/],
    [{ FormerUserPoolIds: undefined }, /^CopyFrom .* Name the pools whose snapshots are copied in FormerUserPoolIds\.$/],
    [{ CopyFromRole: 'reader' }, /^CopyFromRole .* the ARN of a role, such as/],
    [{ CopyFromExternalId: 'a b' }, /^CopyFromExternalId .* Use 2 to 1224 letters/],
    [{ CopyFrequency: 'rate(1 minute)' }, /^CopyFrequency .* a rate of 15 minutes or more/],
    [{ CopyFrom: undefined, CopyFrequency: 'EVERY_DAY' }, /^CopyFrequency .* set CopyFrom, too, or leave this out\.$/],
    [{ CopyFrom: undefined, CopyFromRole: 'x' }, /^CopyFromRole .* set CopyFrom, too/],
  ];
  for (const [change, expected] of wrong) {
    assert.match(problemsOf({ ...CONTEXT, ...COPY, ...change }), expected);
  }
});

test('copies of a pool are written in the Region in which the command copies them, too', () => {
  const problem = problemsOf({ ...COPY_ONLY, FormerUserPoolIds: 'eu-central-1_Lost' });
  assert.match(
    problem,
    /copies of eu-central-1_Lost are written in eu-central-1\. Set PrimaryRegion to eu-central-1, and SecondaryRegion to eu-west-1\./,
  );
  // The table is in neither Region of the pool. The first by name counts.
  assert.match(problemsOf({ ...COPY_ONLY, FormerUserPoolIds: 'us-east-1_Lost' }), /are written in eu-central-1\./);
  const swapped = { PrimaryRegion: SECONDARY, SecondaryRegion: PRIMARY };
  assert.equal(problemsOf({ ...COPY_ONLY, ...swapped, FormerUserPoolIds: 'us-east-1_Lost' }), '');
  assert.equal(problemsOf({ ...COPY_ONLY, SecondaryRegion: 'none', FormerUserPoolIds: 'us-east-1_Lost' }), '');
});

test('the record of the settings hides the external id', () => {
  const settings = readSettings({ ...CONTEXT, ...COPY, CopyFromExternalId: 'both-sides' });
  const { CopyFromExternalId, CopyFrom } = effectiveSettings(settings);
  assert.match(String(CopyFromExternalId), /^hidden, digest [0-9a-f]{4}$/);
  assert.equal(CopyFrom, COPY.CopyFrom);
});

test('the copy may assume one role, add snapshots of the copied pools, and delete nothing', () => {
  const { runs } = stacks;
  assert.deepEqual(runs.allowed(ROLE, 'sts'), ['AssumeRole']);
  const [assume] = runs.statements(ROLE).filter(({ actions }) => actions.includes('sts:AssumeRole'));
  assert.deepEqual(assume?.resources, ['arn:aws:iam::444455556666:role/source-backup-reader-eu-west-1']);
  const deletes = runs.allowed(ROLE, 'dynamodb').filter((action) => /Delete|BatchWrite|Update|ConditionCheck/.test(action));
  assert.deepEqual([deletes, runs.allowed(ROLE, 'cognito-idp')], [[], []]);
  const recorded = OPERATIONS.functions.copy.dynamodb;
  const statements = runs.statements(ROLE).filter(({ actions }) => actions.some((action) => action.startsWith('dynamodb:')));
  const granted = statements.map(({ actions, Condition }) => [
    Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'],
    actions.map((action) => action.replace('dynamodb:', '')).sort(),
  ]);
  assert.deepEqual(granted, [
    [[`POOL#${COPIED_POOL}`], [...(recorded.POOL ?? [])].sort()],
    [['SNAP#*'], [...(recorded.SNAP ?? [])].sort()],
    [[`CONF#${COPIED_POOL}`], [...(recorded.CONF ?? [])].sort()],
    [[`USER#${COPIED_POOL}#*`], [...(recorded.USER ?? [])].sort()],
  ]);
  // IAM can forbid to replace a record, but not a page or a header: PutItem can do both.
  assert.ok(!recorded.USER?.includes('PutItem'));
});

test('the function knows the source, and runs in the Region of the table alone', () => {
  const copy = stacks.runs.lambda('cognito-backup-copy');
  const { COPY_SOURCE_TABLE_ARN: table, COPY_SOURCE_ROLE_ARN: role, COPY_SOURCE_EXTERNAL_ID: id } = copy.Environment.Variables;
  assert.deepEqual([table, role, id], [COPY.CopyFrom, copyOf(COPY)?.roleArn, undefined]);
  const withId = synthesise({ ...CONTEXT, ...COPY, CopyFromExternalId: 'both-sides' }).runs.lambda('cognito-backup-copy');
  assert.equal(withId.Environment.Variables.COPY_SOURCE_EXTERNAL_ID, 'both-sides');
  const others = stacks.runs.all('AWS::Lambda::Function').filter(({ FunctionName }) => FunctionName !== 'cognito-backup-copy');
  others.forEach(({ Environment }) => assert.equal(Environment?.Variables?.COPY_SOURCE_TABLE_ARN, undefined));
  assert.equal(stacks.secondary.lambda('cognito-backup-copy'), undefined);
  assert.equal(defaultStacks().runs.lambda('cognito-backup-copy'), undefined);
});

const scheduleOf = (template: Template, name: string) =>
  template.all('AWS::Scheduler::Schedule').find(({ Name }) => Name === name);

test('a schedule starts the copies of all pools, and another one measures their age', () => {
  const copies = scheduleOf(stacks.runs, 'cognito-backup-copies');
  assert.deepEqual(
    [copies.ScheduleExpression, JSON.parse(copies.Target.Input)],
    ['rate(1 hour)', { userPoolIds: [COPIED_POOL] }],
  );
  assert.match(readable(copies.Target.Arn), /^<CopiesRunStateMachine\w+>$/);
  const ages = scheduleOf(stacks.runs, 'cognito-backup-copies-ages');
  assert.deepEqual(JSON.parse(ages.Target.Input), { operation: 'watch', userPoolIds: [COPIED_POOL] });
  assert.match(readable(ages.Target.Arn), /^<CopiesCopyFunction\w+\.Arn>$/);
  const daily = synthesise({ ...CONTEXT, ...COPY, CopyFrequency: 'EVERY_DAY' }).runs;
  assert.equal(scheduleOf(daily, 'cognito-backup-copies').ScheduleExpression, 'rate(1 day)');
});

test('a copied snapshot starts a removal by the rules of this deployment', () => {
  const patternOf = ({ runs }: typeof stacks) =>
    runs.all('AWS::Events::Rule').find(({ Name }) => Name === 'cognito-backup-removal-start').EventPattern;
  const pattern = patternOf(stacks);
  assert.deepEqual(pattern['detail-type'], ['Snapshot Sealed', 'Snapshot Copied']);
  assert.deepEqual(pattern.detail.userPoolId, [...CONTEXT.UserPoolIds, COPIED_POOL]);
  const remover = stacks.runs.statements('RemovalRemoveRole').flatMap(({ Condition }) => JSON.stringify(Condition ?? {}));
  assert.ok(remover.some((condition) => condition.includes(`USER#${COPIED_POOL}#*`)));
  const copyOnly = synthesise(COPY_ONLY);
  assert.deepEqual(patternOf(copyOnly).detail.userPoolId, [COPIED_POOL]);
  assert.equal(copyOnly.runs.lambda('cognito-backup-export-enumerate'), undefined);
});

test('copies that fail and copies that are too old start an alarm', () => {
  const alarmOf = ({ watch }: typeof stacks, name: string) =>
    watch.all('AWS::CloudWatch::Alarm').find(({ AlarmName }) => AlarmName === `cognito-backup-${name}`);
  const failed = alarmOf(stacks, 'copy-failed');
  assert.deepEqual([failed.Threshold, failed.TreatMissingData], [0, 'notBreaching']);
  assert.ok(JSON.stringify(failed.Metrics).includes(':cognito-backup-copy"'));
  const old = alarmOf(stacks, `no-copy-${COPIED_POOL}`);
  assert.deepEqual([old.Threshold, old.TreatMissingData], [36 * 3_600, 'breaching']);
  assert.equal(alarmOf(synthesise({ ...CONTEXT, ...COPY, SnapshotMaxAgeHours: 0 }), `no-copy-${COPIED_POOL}`), undefined);
  assert.equal(alarmOf(defaultStacks(), 'copy-failed'), undefined);
  assert.ok(alarmOf(synthesise(COPY_ONLY), 'removal-failed'));
});
