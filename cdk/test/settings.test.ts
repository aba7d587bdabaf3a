import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Settings, SettingsError, importTargetsIn, readSettings } from '../lib/settings';
import { CONTEXT, EMAIL, POOLS } from './synthesised';

/** The problems of the values of settings. */
function problemsOf(values: Record<string, unknown>): string[] {
  try {
    readSettings(values);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems.map(({ text }) => text);
  }
  return [];
}

/** The problems of valid settings with a change. */
const problemsWith = (change: Record<string, unknown>): string[] => problemsOf({ ...CONTEXT, ...change });

test('a name that could be that of another deployment with its ending is refused', () => {
  for (const ending of ['runs', 'watch', 'secondary', 'secondary-key', 'vault', 'access-log']) {
    assert.throws(
      () => readSettings({ ...CONTEXT, Name: `pools-${ending}` }),
      new RegExp(`does not end with -${ending}`),
      ending,
    );
  }
  assert.equal(readSettings({ ...CONTEXT, Name: 'pools-vaults' }).name, 'pools-vaults');
});

test('a setting that is not given has its default', () => {
  assert.deepEqual(readSettings(CONTEXT), {
    isProtected: true,
    name: 'cognito-backup',
    userPoolIds: POOLS,
    formerUserPoolIds: [],
    primaryRegion: 'eu-west-1',
    secondaryRegion: 'eu-central-1',
    exportSchedule: { expression: 'rate(1 day)', timeZone: undefined },
    exportTimeoutDays: 7,
    importTimeoutDays: 60,
    snapshotMaxAgeHours: 36,
    snapshotRetention: 'days=35,monthly=12',
    subMapRetention: undefined,
    cognitoTps: 10,
    quotaHeadroom: 10,
    splitListing: false,
    captureConfiguration: false,
    captureSecrets: true,
    configurationChangeAlarm: false,
    logRetentionDays: 90,
    snsPreference: 'INFO_AND_ERRORS',
    heartbeatParameter: undefined,
    notificationEmail: EMAIL,
    trustedPrincipals: [],
    trustedExternalId: undefined,
    trustedOrganization: undefined,
    copyFrom: undefined,
    requirePoolTag: true,
    importTargets: [],
    repairablePools: [],
    groupRoleArns: [],
    cloudTrail: false,
    backupVaultRetentionDays: undefined,
    keyAdministrators: [],
    breakGlassRole: undefined,
    accessLogging: false,
    permissionsBoundary: undefined,
    vpc: undefined,
    secondaryVpc: undefined,
    tableClass: undefined,
    tags: {},
    architecture: 'x86_64',
  });
});

test('no rules of retention keep every snapshot', () => {
  assert.equal(readSettings({ ...CONTEXT, SnapshotRetention: 'none' }).snapshotRetention, undefined);
  assert.equal(readSettings({ ...CONTEXT, SnapshotRetention: 'last=3' }).snapshotRetention, 'last=3');
});

test('a list and a text with commas give the same settings', () => {
  const text = ` ${POOLS.join(' , ')},`;
  assert.deepEqual(readSettings({ ...CONTEXT, UserPoolIds: text }), readSettings(CONTEXT));
});

test('a value of a wrong type is a problem, also if its text would be right', () => {
  const wrong: [Record<string, unknown>, string][] = [
    // YAML reads an account id as a number. An id that begins with 0 would lose it.
    [
      { TrustedPrincipals: ['111122223333', 111122223333] },
      'TrustedPrincipals contains 111122223333, which is not allowed. Use a text. Put a number in quotation marks.',
    ],
    [
      { TrustedPrincipals: 111122223333 },
      'TrustedPrincipals is 111122223333, which is not allowed. Use a list of texts, or leave the setting out.',
    ],
    [{ CognitoTPS: '20' }, 'CognitoTPS is "20", which is not allowed. Use a whole number, without quotation marks.'],
    [{ NotificationEmail: null }, 'NotificationEmail has no value. Use a text. Put a number in quotation marks.'],
    [
      { TrustedPrincipals: ['111122223333'], TrustedExternalId: 12345 },
      'TrustedExternalId is 12345, which is not allowed. Use a text. Put a number in quotation marks.',
    ],
  ];
  for (const [change, problem] of wrong) {
    assert.deepEqual(problemsWith(change), [problem]);
  }
});

test('every wrong value of a setting has one problem, which says what is allowed', () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ UserPoolIds: 'my-pool' }, /^UserPoolIds is "my-pool", which is not allowed\. Use user pool ids such as/],
    [
      { UserPoolIds: ['eu-west-1_A', 'us-east-1_B'] },
      /^UserPoolIds .* in eu-west-1 and us-east-1\. Make one deployment for each Region/,
    ],
    [{ UserPoolIds: Array.from({ length: 21 }, (_, n) => `eu-west-1_A${n}`) }, /^UserPoolIds .* has at most 20 pools/],
    [{ FormerUserPoolIds: 'pool' }, /^FormerUserPoolIds .* Use user pool ids/],
    [{ FormerUserPoolIds: POOLS[0] }, /^FormerUserPoolIds .* UserPoolIds has eu-west-1_AbCdEf123, too/],
    [{ RepairablePools: 'eu-west-1_*' }, /^RepairablePools .* whole ids of pools in UserPoolIds or FormerUserPoolIds/],
    [{ RepairablePools: [POOLS[0], 'eu-west-1_Another'] }, /^RepairablePools .* whole ids of pools/],
    [
      { FormerUserPoolIds: 'eu-central-1_Former', RepairablePools: 'eu-central-1_Former' },
      /^RepairablePools .* the primary Region, eu-west-1/,
    ],
    [{ ImportTargets: [POOLS[0], 'eu-central-1_*'] }, /^ImportTargets .* only for a repair: name it in RepairablePools instead/],
    [{ PrimaryRegion: 'us-east-1' }, /^PrimaryRegion .* Name the Region of UserPoolIds/],
    [{ SecondaryRegion: 'eu-west-1' }, /^SecondaryRegion .* differs from the Region of the pools/],
    [{ SecondaryRegion: 'NONE' }, /^SecondaryRegion .* For a first try in one Region, use none\.$/],
    [{ SecondaryRegion: 'none', ImportTargets: 'eu-west-1_New,eu-central-1_New' }, /^ImportTargets .* not in a Region of this/],
    [{ SecondaryRegion: 'Frankfurt' }, /^SecondaryRegion .* such as eu-central-1/],
    [{ SecondaryRegion: ['eu-central-1'] }, /^SecondaryRegion .* such as eu-central-1/],
    [{ ExportFrequency: 'DAILY' }, /^ExportFrequency .* EVERY_HOUR, EVERY_DAY, EVERY_7_DAYS, EVERY_30_DAYS, a rate .* or a cron/],
    [{ ExportFrequency: 'rate(5 minutes)' }, /^ExportFrequency .* 15 minutes or more/],
    [{ ExportFrequency: 'rate(0 days)' }, /^ExportFrequency/],
    [{ ExportFrequency: 'cron(0 2 * * *)' }, /^ExportFrequency .* six fields/],
    [{ ExportFrequency: 'cron(0 2 * * * *)' }, /^ExportFrequency .* six fields/],
    [{ ExportTimeZone: 'Europe/Berlin' }, /^ExportTimeZone .* Leave it out, or use a cron expression/],
    [{ ExportFrequency: 'cron(0 2 * * ? *)', SnapshotMaxAgeHours: 30, ExportTimeZone: 'Berlin' }, /^ExportTimeZone .* IANA/],
    [
      { ExportFrequency: 'cron(0 2 * * ? *)' },
      /^SnapshotMaxAgeHours is missing\. ExportFrequency is a cron expression, .* 1 to 2160, or 0/,
    ],
    [{ SnapshotMaxAgeHours: 2161 }, /^SnapshotMaxAgeHours .* from 0 to 2160/],
    [{ SnapshotRetention: '35' }, /^SnapshotRetention is "35", .* such as days=35,monthly=12\. Or use none to keep/],
    [{ SnapshotRetention: 'NONE' }, /^SnapshotRetention /],
    [{ SnapshotRetention: 'none,days=35' }, /^SnapshotRetention /],
    [{ SnapshotRetention: 'days=0' }, /^SnapshotRetention .* from 1 to 9999/],
    [{ SnapshotRetention: 'days=1,days=2' }, /^SnapshotRetention .* each at most once/],
    [{ SnapshotRetention: 'last=1,' }, /^SnapshotRetention /],
    [{ SubMapRetention: 89 }, /^SubMapRetention is 89, which is not allowed\. Use a whole number from 90 to 3650/],
    [{ SubMapRetention: 'forever' }, /^SubMapRetention .* whole number/],
    [{ SubMapRetention: 3651 }, /^SubMapRetention /],
    [{ CognitoTPS: 0 }, /^CognitoTPS is 0, which is not allowed\. Use a whole number from 1 to 200/],
    [{ CognitoTPS: '201' }, /^CognitoTPS/],
    [{ CognitoTPS: '10.5' }, /^CognitoTPS/],
    [{ CognitoTPS: 'ten' }, /^CognitoTPS/],
    [{ SplitListing: 'true' }, /^SplitListing is "?true"?, which is not allowed/],
    [{ CaptureSecrets: 'true' }, /^CaptureSecrets is "?true"?, which is not allowed/],
    [{ CaptureConfiguration: 'true' }, /^CaptureConfiguration is "?true"?, which is not allowed/],
    [{ QuotaHeadroom: 91 }, /^QuotaHeadroom is 91, which is not allowed\. Use a whole number from 0 to 90/],
    [{ LogRetentionDays: 31 }, /^LogRetentionDays .* CloudWatch Logs accepts: 1, 3, 5/],
    [{ LogRetentionDays: 'forever' }, /^LogRetentionDays .* whole number/],
    [{ HeartbeatParameter: 'https://example.com/x' }, /^HeartbeatParameter .* Use the name of a SecureString parameter/],
    [{ HeartbeatParameter: '/backup/*' }, /^HeartbeatParameter /],
    [{ HeartbeatParameter: 'backup/heartbeat' }, /^HeartbeatParameter /],
    [{ HeartbeatParameter: '/aws/service/x' }, /^HeartbeatParameter /],
    [{ SnsPreference: 'NONE' }, /^SnsPreference .* INFO_AND_ERRORS, ERRORS_ONLY/],
    [{ NotificationEmail: 'backup' }, /^NotificationEmail .* one e-mail address/],
    [{ NotificationEmail: 'a@example.com,b@example.com' }, /^NotificationEmail/],
    [{ TrustedPrincipals: '*' }, /^TrustedPrincipals .* account ids of 12 digits/],
    [{ TrustedPrincipals: 'arn:aws:iam::111122223333:role/*' }, /^TrustedPrincipals/],
    [{ TrustedPrincipals: '111122223333', TrustedExternalId: 'x' }, /^TrustedExternalId .* 2 to 1224 letters/],
    [{ TrustedPrincipals: '111122223333', TrustedExternalId: 'two words' }, /^TrustedExternalId/],
    [{ TrustedExternalId: 'migration' }, /^TrustedExternalId .* set TrustedPrincipals, too/],
    [{ TrustedPrincipals: '111122223333', TrustedOrganization: '*' }, /^TrustedOrganization .* such as o-/],
    [{ TrustedOrganization: 'o-a1b2c3d4e5' }, /^TrustedOrganization .* set TrustedPrincipals, too/],
    [{ ImportTargets: 'my-pool' }, /^ImportTargets .* with or without asterisks/],
    [{ ImportTargets: `*,${POOLS[0]}` }, /^ImportTargets .* is a source pool/],
    [{ ImportTargets: 'eu-west-1_New' }, /^ImportTargets .* Imports in eu-central-1 have no target/],
    [{ ImportTargets: '*,us-east-1_New' }, /^ImportTargets .* not in a Region of this deployment/],
    [
      { RequirePoolTag: 'NO' },
      /^RequirePoolTag is "NO".* Name pools in ImportTargets or RepairablePools, or leave RequirePoolTag/,
    ],
    [{ RequirePoolTag: 'yes' }, /^RequirePoolTag .* Use one of YES, NO/],
    [{ GroupRoleArns: 'editors' }, /^GroupRoleArns .* ARNs of IAM roles/],
    [{ SecondaryRegion: 'eu-wset-1' }, /^SecondaryRegion .* Name the Region of the replica/],
    [{ SecondaryRegion: 'us-gov-wset-1' }, /^SecondaryRegion .* Name the Region of the replica/],
    [{ SecondaryRegion: 'eru-west-1' }, /^SecondaryRegion .* Name the Region of the replica/],
    [{ SecondaryRegion: 'us-gov-west-9' }, /^SecondaryRegion .* Name a Region in the AWS partition of eu-west-1/],
    [{ UserPoolIds: 'eu-wset-1_AbCdEf123' }, /^UserPoolIds .* AWS has no Region eu-wset-1\. /],
    [{ FormerUserPoolIds: 'eu-wset-1_AbCdEf123' }, /^FormerUserPoolIds .* AWS has no Region eu-wset-1\. /],
    [{ SecondaryRegion: 'us-gov-west-1' }, /^SecondaryRegion .* Name a Region in the AWS partition of eu-west-1/],
    [{ GroupRoleArns: 'arn:aws-cn:iam::111122223333:role/editors' }, /^GroupRoleArns .* begin with arn:aws:$/],
    [
      { TrustedPrincipals: 'arn:aws-us-gov:iam::111122223333:root' },
      /^TrustedPrincipals .* is not in the AWS partition of eu-west-1/,
    ],
    [{ CloudTrail: 'maybe' }, /^CloudTrail .* NO, YES/],
    [{ BackupVault: 'LOCKED' }, /^BackupVault .* NO, YES/],
    [{ BackupVault: 'YES', BackupVaultRetentionDays: 0 }, /^BackupVaultRetentionDays .* from 1 to 3650/],
    [{ BackupVaultRetentionDays: 35 }, /^BackupVaultRetentionDays .* set BackupVault=YES, too/],
    [{ KeyAdministrators: 'key-admin' }, /^KeyAdministrators .* ARNs of roles and users/],
    [{ KeyAdministrators: 'arn:aws:iam::111122223333:role/*' }, /^KeyAdministrators .* ARNs of roles and users/],
    [{ KeyAdministrators: 'arn:aws-cn:iam::111122223333:role/admin' }, /^KeyAdministrators .* begin with arn:aws:$/],
    [{ BreakGlassRole: 'arn:aws:iam::111122223333:role/*' }, /^BreakGlassRole .* ARN of one role/],
    [{ BreakGlassRole: 'arn:aws-cn:iam::111122223333:role/glass' }, /^BreakGlassRole .* begin with arn:aws:$/],
    [{ Architecture: 'riscv' }, /^Architecture .* x86_64, arm64/],
    [{ Name: 'Backup' }, /^Name .* lower-case/],
  ];
  for (const [change, message] of wrong) {
    const problems = problemsWith(change);
    assert.equal(problems.length, 1, `${JSON.stringify(change)}: ${problems.join('\n')}`);
    assert.match(problems[0] ?? '', message);
  }
});

test('an unknown name is a problem, which suggests a similar setting', () => {
  assert.deepEqual(problemsWith({ 'user-pool-ids': 'x' }), ['user-pool-ids is not a setting. Do you mean UserPoolIds?']);
  assert.deepEqual(problemsWith({ NotificationMail: 'x' }), [
    'NotificationMail is not a setting. Do you mean NotificationEmail?',
  ]);
  assert.match(
    problemsWith({ Schedule: 'x' })[0] ?? '',
    /^Schedule is not a setting\. The settings are AccessLogging, Architecture, BackupVault, BackupVaultRetentionDays, BreakGlassRole, CaptureConfiguration, CaptureSecrets, CloudTrail, CognitoTPS, /,
  );
});

test('a setting of an earlier version is not a setting', () => {
  assert.match(problemsWith({ ReserveConcurrency: 'NO' })[0] ?? '', /^ReserveConcurrency is not a setting\. The settings are /);
});

test('one error has all problems, each once', () => {
  const problems = problemsOf({ CognitoTPS: 0, SnsPreference: 'x' });
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['UserPoolIds', 'SecondaryRegion', 'CognitoTPS', 'SnsPreference'],
  );
});

test('an export frequency is a name, a rate or a cron expression', () => {
  const schedule = (change: object) => {
    const { exportSchedule, snapshotMaxAgeHours } = readSettings({ ...CONTEXT, ...change });
    return [exportSchedule.expression, exportSchedule.timeZone, snapshotMaxAgeHours];
  };
  assert.deepEqual(schedule({ ExportFrequency: 'EVERY_HOUR' }), ['rate(1 hour)', undefined, 1.5]);
  assert.deepEqual(schedule({ ExportFrequency: 'EVERY_DAY' }), ['rate(1 day)', undefined, 36]);
  assert.deepEqual(schedule({ ExportFrequency: 'EVERY_7_DAYS' }), ['rate(7 days)', undefined, 252]);
  assert.deepEqual(schedule({ ExportFrequency: 'EVERY_30_DAYS' }), ['rate(30 days)', undefined, 1080]);
  assert.deepEqual(schedule({ ExportFrequency: 'rate(12 hours)' }), ['rate(12 hours)', undefined, 18]);
  assert.deepEqual(schedule({ ExportFrequency: 'rate(12 hours)', SnapshotMaxAgeHours: 20 }), ['rate(12 hours)', undefined, 20]);
  const nightly = { ExportFrequency: 'cron(30 2 ? * MON-FRI *)', SnapshotMaxAgeHours: 100 };
  assert.deepEqual(schedule(nightly), [nightly.ExportFrequency, 'UTC', 100]);
  const berlin = { ...nightly, ExportTimeZone: 'Europe/Berlin', SnapshotMaxAgeHours: 0 };
  assert.deepEqual(schedule(berlin), [nightly.ExportFrequency, 'Europe/Berlin', undefined]);
});

test('the primary Region is that of the exported pools, or is given if no pool is exported', () => {
  assert.equal(readSettings({ ...CONTEXT, PrimaryRegion: 'eu-west-1' }).primaryRegion, 'eu-west-1');
  const formerOnly = { FormerUserPoolIds: 'us-east-1_Lost', SecondaryRegion: 'eu-central-1' };
  assert.match(problemsOf(formerOnly)[0] ?? '', /^PrimaryRegion is missing\. UserPoolIds is empty, so name the Region/);
  assert.equal(readSettings({ ...formerOnly, PrimaryRegion: 'eu-west-1' }).primaryRegion, 'eu-west-1');
});

test('imports need a tag by default, and no list of pools is needed then', () => {
  const targets = ({ requirePoolTag, importTargets, repairablePools }: Settings) => [
    requirePoolTag,
    importTargets,
    repairablePools,
  ];
  assert.deepEqual(targets(readSettings(CONTEXT)), [true, [], []]);
  assert.deepEqual(targets(readSettings({ ...CONTEXT, RequirePoolTag: 'NO', RepairablePools: POOLS })), [false, [], POOLS]);
  const everywhere = readSettings({ ...CONTEXT, RequirePoolTag: 'NO', ImportTargets: '*' });
  assert.deepEqual(targets(everywhere), [false, ['*'], []]);
  // A list is narrower than the tag.
  assert.deepEqual(targets(readSettings({ ...CONTEXT, ImportTargets: '*' })), [true, ['*'], []]);
});

test('an asterisk in ImportTargets means all pools of a Region', () => {
  const importTargets = ['*', 'eu-west-1_New'];
  assert.deepEqual(importTargetsIn({ importTargets }, 'eu-west-1'), ['eu-west-1_*', 'eu-west-1_New']);
  assert.deepEqual(importTargetsIn({ importTargets }, 'eu-central-1'), ['eu-central-1_*']);
});
