/**
 * The settings of a deployment, read from CDK context and checked before anything is synthesised.
 *
 * The operator writes them in `cdk.context.json`, in `cdk.json`, or as `--context Name=value`. A list is a
 * JSON array or a text with commas. One error names all problems, and says for each what is allowed. An
 * unknown name is a problem, too.
 */

import { EXAMPLE_SWITCH } from './example';
import { partitionOf } from './partition';
import { SETTINGS } from './setting-descriptions';

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** The names of all settings, as they are written in the context. */
export const SETTING_NAMES = Object.keys(SETTINGS).sort() as SettingName[];

/**
 * The log retentions that CloudWatch Logs accepts, in days.
 * Source: PutRetentionPolicy, CloudWatch Logs API reference.
 */
const LOG_RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

/** The maximum of `SnapshotMaxAgeHours`: 90 days. */
const MAX_SNAPSHOT_AGE_HOURS = 2160;

/** The default of `SnapshotMaxAgeHours`, in periods between two exports. */
const DEFAULT_MAX_AGE_PERIODS = 1.5;

/** Frequencies with a name. They are rates, so the first export starts when the schedule is created. */
const NAMED_FREQUENCIES: Record<string, string> = {
  EVERY_HOUR: 'rate(1 hour)',
  EVERY_DAY: 'rate(1 day)',
  EVERY_7_DAYS: 'rate(7 days)',
  EVERY_30_DAYS: 'rate(30 days)',
};

/**
 * The maximum number of pools in a deployment. The policies of a role name each pool several times, and IAM
 * limits them to 10,240 characters for each role.
 */
const MAX_POOLS = 20;

const POOL_ID = /^([a-z]{2,4}(?:-[a-z]+)+-\d)_[0-9A-Za-z]{1,40}$/;
const POOL_PATTERN = /^([a-z]{2,4}(?:-[a-z]+)+-\d)_[0-9A-Za-z*]{1,40}$/;
const ACCOUNT_ID = /^\d{12}$/;
const ROLE_ARN = /^arn:aws(-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@/-]+$/;
const PRINCIPAL_ARN = /^arn:aws(-[a-z]+)*:iam::\d{12}:(root|(role|user)\/[\w+=,.@/-]+)$/;

/** When exports start. */
export interface ExportSchedule {
  /** An EventBridge Scheduler expression: `rate(…)` or `cron(…)`. */
  readonly expression: string;
  /** The IANA time zone of a cron expression. */
  readonly timeZone?: string;
}

/** Where the code of the functions comes from. */
export type CodeSource = 'BUILD' | 'BUILT' | 'PLACEHOLDER';

/** The checked settings of a deployment. */
export interface Settings {
  /** `Name`: the name of the table, and the beginning of every other name. */
  readonly name: string;
  /** `UserPoolIds`: the pools to export. Imports can write only to those that `repairablePools` names. */
  readonly userPoolIds: readonly string[];
  /** `FormerUserPoolIds`: pools that are not exported, but whose snapshots can be restored. */
  readonly formerUserPoolIds: readonly string[];
  /** `PrimaryRegion`: the Region of the exported pools, the table and the schedules. */
  readonly primaryRegion: string;
  /** `SecondaryRegion`: the Region of the replica, and of imports if the primary Region is lost. */
  readonly secondaryRegion: string;
  /** `ExportFrequency` and `ExportTimeZone`. */
  readonly exportSchedule: ExportSchedule;
  /** `SnapshotMaxAgeHours`: the age of a pool's newest snapshot that starts the alarm. Undefined: none. */
  readonly snapshotMaxAgeHours?: number;
  /** `SnapshotRetention`: the snapshots to keep, such as `days=35,monthly=12`. Undefined: all. */
  readonly snapshotRetention?: string;
  /** `SubMapRetention`: the days for which the sub maps of restores are kept. Undefined: all of them stay. */
  readonly subMapRetention?: number;
  /** `CognitoTPS`: the calls to Cognito per second of a run whose input has no `tps`. */
  readonly cognitoTps: number;
  /** `QuotaHeadroom`: the share of each request quota that runs leave to other clients, in percent. */
  readonly quotaHeadroom: number;
  /** `SplitListing`: whether exports may split the listing of users without being asked to. */
  readonly splitListing: boolean;
  /** `CaptureConfiguration`: whether exports capture the configuration of the pool. */
  readonly captureConfiguration: boolean;
  /** `CaptureSecrets`: whether exports encrypt the secrets of a configuration that they capture, and keep them. */
  readonly captureSecrets: boolean;
  /** `ConfigurationChangeAlarm`: whether an alarm tells that the configuration of a pool has changed. */
  readonly configurationChangeAlarm: boolean;
  /** `LogRetentionDays`: how many days logs are kept. */
  readonly logRetentionDays: number;
  /**
   * `SnsPreference`: whether the topic gets messages about all runs, or only about failed and partial ones.
   */
  readonly snsPreference: 'INFO_AND_ERRORS' | 'ERRORS_ONLY';
  /** `NotificationEmail`: the e-mail address that is subscribed to the topics. */
  readonly notificationEmail?: string;
  /**
   * `TrustedPrincipals`: the ids of accounts, and the ARNs of roles and users, that may read the backup from other
   * accounts.
   */
  readonly trustedPrincipals: readonly string[];
  /** `TrustedExternalId`: the external id that they give when they assume the reader role. */
  readonly trustedExternalId?: string;
  /** `TrustedOrganization`: the id of the organization that they belong to. */
  readonly trustedOrganization?: string;
  /** `ImportTargets`: the pools that imports may write to, as ids or patterns. `*` alone means all pools. */
  readonly importTargets: readonly string[];
  /** `RepairablePools`: the source pools that imports in the primary Region may write to. */
  readonly repairablePools: readonly string[];
  /** `GroupRoleArns`: the roles that imports may give to groups. */
  readonly groupRoleArns: readonly string[];
  /** `Architecture` of the functions. */
  readonly architecture: 'x86_64' | 'arm64';
  /** `Functions`: where the code of the functions comes from. */
  readonly functions: CodeSource;
}

/** Wrong settings, with a message for each problem. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SettingsError';
  }
}

/** Reads settings one by one and collects the problems. */
class SettingReader {
  readonly problems: string[] = [];

  constructor(private readonly context: Readonly<Record<string, unknown>>) {}

  /** Adds a problem with the value of a setting. `advice` says what is allowed. */
  addProblem(name: SettingName, advice: string): void {
    const value = this.context[name];
    this.problems.push(
      value === undefined
        ? `${name} is missing. ${advice}`
        : `${name} is ${JSON.stringify(value)}, which is not allowed. ${advice}`,
    );
  }

  /** The text of a setting, without white space around it. Undefined if it is missing or empty. */
  text(name: SettingName): string | undefined {
    const value = this.context[name] ?? '';
    // The JSON of a list or an object is a text that no setting accepts.
    const text = (typeof value === 'object' ? JSON.stringify(value) : String(value)).trim();
    return text === '' ? undefined : text;
  }

  /** The members of a list, each once. */
  list(name: SettingName): string[] {
    const value = this.context[name];
    const members = Array.isArray(value) ? value : String(value ?? '').split(',');
    return [...new Set(members.map((member) => String(member).trim()).filter((member) => member !== ''))];
  }

  /** A list whose members match `pattern`. */
  listOf(name: SettingName, pattern: RegExp, advice: string): string[] {
    const members = this.list(name);
    if (!members.every((member) => pattern.test(member))) {
      this.addProblem(name, advice);
    }
    return members;
  }

  /** One of several words. The first one is the default. */
  oneOf<T extends string>(name: SettingName, words: readonly [T, ...T[]]): T {
    const text = this.text(name);
    const found = words.find((word) => word === text);
    if (text !== undefined && found === undefined) {
      this.addProblem(name, `Use one of ${words.join(', ')}.`);
    }
    return found ?? words[0];
  }

  /** A whole number from `minimum` to `maximum`. Undefined if it is missing. */
  number(name: SettingName, minimum: number, maximum: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) {
      return undefined;
    }
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(number >= minimum && number <= maximum)) {
      this.addProblem(name, `Use a whole number from ${minimum} to ${maximum}.`);
    }
    return number;
  }
}

/** The Region in a pool id or pattern. */
export function regionOf(pool: string): string {
  return pool.slice(0, pool.indexOf('_'));
}

/** The patterns of `ImportTargets` for pools of `region`. */
export function importTargetsIn(settings: Pick<Settings, 'importTargets'>, region: string): string[] {
  const inRegion = settings.importTargets.map((pattern) => (pattern === '*' ? `${region}_*` : pattern));
  return [...new Set(inRegion.filter((pattern) => regionOf(pattern) === region))];
}

/** The source pools of `region` that imports may write to. */
export function repairablePoolsIn(settings: Pick<Settings, 'repairablePools'>, region: string): string[] {
  return settings.repairablePools.filter((pool) => regionOf(pool) === region);
}

/** Every pool whose snapshots can be restored. */
export function sourcePools(settings: Pick<Settings, 'userPoolIds' | 'formerUserPoolIds'>): string[] {
  return [...settings.userPoolIds, ...settings.formerUserPoolIds];
}

/**
 * Reads the settings of a deployment.
 *
 * @param context all context values of the app. The CDK's own values are ignored.
 * @throws SettingsError with every problem
 */
export function readSettings(context: Readonly<Record<string, unknown>>): Settings {
  const reader = new SettingReader(context);
  addUnknownNames(reader, context);

  const userPoolIds = reader.listOf('UserPoolIds', POOL_ID, 'Use user pool ids such as eu-west-1_AbCdEf123.');
  const formerUserPoolIds = reader.listOf('FormerUserPoolIds', POOL_ID, 'Use user pool ids such as eu-west-1_AbCdEf123.');
  if (userPoolIds.length + formerUserPoolIds.length === 0) {
    reader.addProblem('UserPoolIds', 'Name the user pools to back up, such as eu-west-1_AbCdEf123,eu-west-1_GhIjKl456.');
  }
  if (userPoolIds.length + formerUserPoolIds.length > MAX_POOLS) {
    reader.addProblem(
      'UserPoolIds',
      `A deployment has at most ${MAX_POOLS} pools, with those of FormerUserPoolIds. Deploy the others with another Name.`,
    );
  }
  requireRegions(reader, 'UserPoolIds', userPoolIds);
  requireRegions(reader, 'FormerUserPoolIds', formerUserPoolIds);
  const inBoth = formerUserPoolIds.filter((pool) => userPoolIds.includes(pool));
  if (inBoth.length > 0) {
    reader.addProblem('FormerUserPoolIds', `UserPoolIds has ${inBoth.join(', ')}, too. Name each pool in one list only.`);
  }
  const primaryRegion = readPrimaryRegion(reader, userPoolIds);
  const secondaryRegion = reader.text('SecondaryRegion') ?? '';
  if (!isRegion(secondaryRegion) || secondaryRegion === primaryRegion) {
    reader.addProblem(
      'SecondaryRegion',
      'Name the Region of the replica, such as eu-central-1. It differs from the Region of the pools.',
    );
  } else if (!isInPartitionOf(primaryRegion, partitionOf(secondaryRegion))) {
    reader.addProblem(
      'SecondaryRegion',
      `Name a Region in the AWS partition of ${primaryRegion}. A table has no replica in another one.`,
    );
  }

  const exportSchedule = readSchedule(reader);
  const settings: Settings = {
    name: readName(reader),
    userPoolIds,
    formerUserPoolIds,
    primaryRegion,
    secondaryRegion,
    exportSchedule,
    snapshotMaxAgeHours: readMaxAge(reader, exportSchedule),
    snapshotRetention: readSnapshotRetention(reader),
    subMapRetention: reader.number('SubMapRetention', 90, 3650),
    cognitoTps: reader.number('CognitoTPS', 1, 200) ?? 10,
    quotaHeadroom: reader.number('QuotaHeadroom', 0, 90) ?? 10,
    splitListing: reader.oneOf('SplitListing', ['NO', 'YES']) === 'YES',
    captureConfiguration: reader.oneOf('CaptureConfiguration', ['NO', 'YES']) === 'YES',
    captureSecrets: reader.oneOf('CaptureSecrets', ['YES', 'NO']) === 'YES',
    configurationChangeAlarm: readConfigurationChangeAlarm(reader),
    logRetentionDays: readLogRetention(reader),
    snsPreference: reader.oneOf('SnsPreference', ['INFO_AND_ERRORS', 'ERRORS_ONLY']),
    notificationEmail: readEmail(reader),
    trustedPrincipals: readPrincipals(reader, primaryRegion),
    // Source of the form: `AssumeRole`, AWS STS API reference.
    trustedExternalId: readTrust(
      reader,
      'TrustedExternalId',
      /^[\w+=,.@:/-]{2,1224}$/,
      '2 to 1224 letters, digits and characters of +=,.@:/-_',
    ),
    // Source of the form: `Organization`, AWS Organizations API reference.
    trustedOrganization: readTrust(
      reader,
      'TrustedOrganization',
      /^o-[a-z0-9]{10,32}$/,
      'the id of an organization, such as o-a1b2c3d4e5',
    ),
    importTargets: readImportTargets(reader, [primaryRegion, secondaryRegion], [...userPoolIds, ...formerUserPoolIds]),
    repairablePools: readRepairablePools(reader, primaryRegion, [...userPoolIds, ...formerUserPoolIds]),
    groupRoleArns: readGroupRoles(reader, primaryRegion),
    architecture: reader.oneOf('Architecture', ['x86_64', 'arm64']),
    functions: reader.oneOf('Functions', ['BUILT', 'BUILD', 'PLACEHOLDER']),
  };
  if (reader.problems.length > 0) {
    throw new SettingsError(reader.problems);
  }
  return settings;
}

/** Adds a problem for each unknown name. Names with a colon or an at sign belong to the CDK. */
function addUnknownNames(reader: SettingReader, context: Readonly<Record<string, unknown>>): void {
  const known: readonly string[] = SETTING_NAMES;
  const unknown = Object.keys(context).filter((name) => !/[:@]/.test(name) && name !== EXAMPLE_SWITCH && !known.includes(name));
  for (const name of unknown) {
    const similar = known.find((setting) => setting.toLowerCase() === name.toLowerCase().replaceAll(/[-_]/g, ''));
    const advice = similar ? `Do you mean ${similar}?` : `The settings are ${known.join(', ')}.`;
    reader.problems.push(`${name} is not a setting. ${advice}`);
  }
}

function readName(reader: SettingReader): string {
  const name = reader.text('Name') ?? 'cognito-backup';
  if (!/^[a-z][a-z0-9-]{1,30}[a-z0-9]$/.test(name)) {
    reader.addProblem(
      'Name',
      'Use 3 to 32 lower-case letters, digits and hyphens. The first is a letter, and the last is not a hyphen.',
    );
  }
  return name;
}

function readPrimaryRegion(reader: SettingReader, userPoolIds: readonly string[]): string {
  const regions = [...new Set(userPoolIds.filter((pool) => POOL_ID.test(pool)).map(regionOf))];
  if (regions.length > 1) {
    reader.addProblem(
      'UserPoolIds',
      `The pools are in ${regions.join(' and ')}. Make one deployment for each Region, each with its own Name.`,
    );
  }
  const region = reader.text('PrimaryRegion');
  if (region === undefined && userPoolIds.length === 0 && reader.list('FormerUserPoolIds').length > 0) {
    reader.addProblem('PrimaryRegion', 'UserPoolIds is empty, so name the Region to deploy to, such as eu-west-1.');
  }
  if (region !== undefined && !(isRegion(region) && (regions.length === 0 || regions.includes(region)))) {
    reader.addProblem('PrimaryRegion', 'Name the Region of UserPoolIds, such as eu-west-1, or leave PrimaryRegion out.');
  }
  return region ?? regions[0] ?? '';
}

function readSchedule(reader: SettingReader): ExportSchedule {
  const frequency = reader.text('ExportFrequency') ?? 'EVERY_DAY';
  const expression = NAMED_FREQUENCIES[frequency] ?? frequency;
  const timeZone = reader.text('ExportTimeZone');
  if (periodInHours(expression) === undefined && !isCron(expression)) {
    reader.addProblem(
      'ExportFrequency',
      `Use one of ${Object.keys(NAMED_FREQUENCIES).join(', ')}, a rate of 15 minutes or more such as rate(12 hours), or a cron expression of six fields such as cron(30 2 * * ? *).`,
    );
  }
  if (timeZone !== undefined && !isCron(expression)) {
    reader.addProblem('ExportTimeZone', 'Leave it out, or use a cron expression as ExportFrequency. A rate has no time of day.');
  } else if (timeZone !== undefined && !isTimeZone(timeZone)) {
    reader.addProblem('ExportTimeZone', 'Use the name of an IANA time zone, such as Europe/Berlin.');
  }
  return { expression, timeZone: isCron(expression) ? (timeZone ?? 'UTC') : undefined };
}

/** The hours between two exports if the expression is a rate of 15 minutes or more. Otherwise undefined. */
function periodInHours(expression: string): number | undefined {
  const [, number, unit] = /^rate\((\d{1,5}) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  if (number === undefined || unit === undefined) {
    return undefined;
  }
  const hours = (Number(number) * { minute: 1, hour: 60, day: 1440 }[unit as 'minute' | 'hour' | 'day']) / 60;
  return hours >= 0.25 ? hours : undefined;
}

/** Whether this is a cron expression of EventBridge Scheduler: six fields, and `?` for one of the days. */
function isCron(expression: string): boolean {
  const fields = /^cron\((.*)\)$/.exec(expression)?.[1]?.split(/\s+/) ?? [];
  const questionMarks = [2, 4].filter((field) => fields[field] === '?').length;
  return fields.length === 6 && questionMarks === 1 && fields.every((field) => /^[0-9A-Za-z*?,/#-]+$/.test(field));
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

function readConfigurationChangeAlarm(reader: SettingReader): boolean {
  const isWanted = reader.oneOf('ConfigurationChangeAlarm', ['NO', 'YES']) === 'YES';
  if (isWanted && reader.oneOf('CaptureConfiguration', ['NO', 'YES']) !== 'YES') {
    reader.addProblem(
      'ConfigurationChangeAlarm',
      'Only a captured configuration is compared, so set CaptureConfiguration=YES, too.',
    );
  }
  return isWanted;
}

/** The default follows the period between two exports. A cron expression has no period and no default. */
function readMaxAge(reader: SettingReader, schedule: ExportSchedule): number | undefined {
  const hours = reader.number('SnapshotMaxAgeHours', 0, MAX_SNAPSHOT_AGE_HOURS);
  if (hours !== undefined) {
    return hours === 0 ? undefined : hours;
  }
  if (isCron(schedule.expression)) {
    reader.addProblem(
      'SnapshotMaxAgeHours',
      `ExportFrequency is a cron expression, so set the age in hours that starts the alarm: 1 to ${MAX_SNAPSHOT_AGE_HOURS}, or 0 for no alarm.`,
    );
  }
  const period = periodInHours(schedule.expression);
  return period === undefined ? undefined : Math.min(period * DEFAULT_MAX_AGE_PERIODS, MAX_SNAPSHOT_AGE_HOURS);
}

/** The same rules as in `shared/src/model/retention.rs`, where the function reads the text again. */
function readSnapshotRetention(reader: SettingReader): string | undefined {
  const rules = reader
    .text('SnapshotRetention')
    ?.split(',')
    .map((rule) => rule.replaceAll(/\s/g, ''));
  const names = rules?.map((rule) => /^(last|days|daily|weekly|monthly)=0*[1-9]\d{0,3}$/.exec(rule)?.[1]);
  if (names?.includes(undefined) || new Set(names).size !== (names?.length ?? 0)) {
    reader.addProblem(
      'SnapshotRetention',
      'Use last, days, daily, weekly and monthly, each at most once and with a number from 1 to 9999, such as days=35,monthly=12.',
    );
  }
  return rules?.join(',');
}

function readLogRetention(reader: SettingReader): number {
  const days = reader.number('LogRetentionDays', 1, 3653) ?? 90;
  if (!Number.isNaN(days) && !LOG_RETENTIONS.some((retention) => retention === days)) {
    reader.addProblem('LogRetentionDays', `Use a number of days that CloudWatch Logs accepts: ${LOG_RETENTIONS.join(', ')}.`);
  }
  return days;
}

function readEmail(reader: SettingReader): string | undefined {
  const email = reader.text('NotificationEmail');
  if (email !== undefined && !/^[^\s@,]+@[^\s@,]+\.[^\s@,]+$/.test(email)) {
    reader.addProblem('NotificationEmail', 'Use one e-mail address, such as backup@example.com.');
  }
  return email;
}

/** Wildcards are not accepted. */
function readPrincipals(reader: SettingReader, primaryRegion: string): string[] {
  const principals = reader.list('TrustedPrincipals');
  if (!principals.every((principal) => isAccountId(principal) || PRINCIPAL_ARN.test(principal))) {
    reader.addProblem(
      'TrustedPrincipals',
      'Use account ids of 12 digits, and ARNs of roles and users, such as arn:aws:iam::111122223333:role/restore.',
    );
  }
  requirePartition(reader, 'TrustedPrincipals', principals, primaryRegion);
  return principals;
}

/** A condition on the trusted principals. Without a principal it would protect nothing. */
function readTrust(
  reader: SettingReader,
  name: 'TrustedExternalId' | 'TrustedOrganization',
  form: RegExp,
  allowed: string,
): string | undefined {
  const value = reader.text(name);
  if (value !== undefined && !form.test(value)) {
    reader.addProblem(name, `Use ${allowed}.`);
  } else if (value !== undefined && reader.list('TrustedPrincipals').length === 0) {
    reader.addProblem(name, 'No principal is trusted, so set TrustedPrincipals, too, or leave this out.');
  }
  return value;
}

function readGroupRoles(reader: SettingReader, primaryRegion: string): string[] {
  const advice = 'Use ARNs of IAM roles, such as arn:aws:iam::111122223333:role/editors.';
  const roles = reader.listOf('GroupRoleArns', ROLE_ARN, advice);
  requirePartition(reader, 'GroupRoleArns', roles, primaryRegion);
  return roles;
}

/** Adds a problem if an ARN is of another partition than the Region. IAM refuses a policy with such an ARN. */
function requirePartition(reader: SettingReader, name: SettingName, values: readonly string[], region: string): void {
  const others = values.filter((value) => PRINCIPAL_ARN.test(value) && !isInPartitionOf(region, value.split(':')[1]));
  if (others.length > 0) {
    reader.addProblem(
      name,
      `${others.join(', ')} is not in the AWS partition of ${region}: use ARNs that begin with arn:${partitionOf(region)}:`,
    );
  }
}

/** Adds a problem if the id of a pool begins with a text that has not the form of a Region. */
function requireRegions(reader: SettingReader, name: SettingName, pools: readonly string[]): void {
  const mistyped = [...new Set(pools.filter((pool) => POOL_ID.test(pool)).map(regionOf))].filter((region) => !isRegion(region));
  if (mistyped.length > 0) {
    reader.addProblem(name, `AWS has no Region ${mistyped.join(' or ')}. Use the whole ids that Cognito shows.`);
  }
}

/** Whether the name has the form of a Region. */
function isRegion(name: string): boolean {
  return partitionOf(name) !== undefined;
}

/** Whether `partition` is that of the Region. True for a text that is no Region, because another problem names it. */
function isInPartitionOf(region: string, partition: string | undefined): boolean {
  const expected = partitionOf(region);
  return expected === undefined || expected === partition;
}

/** Whether a principal is the id of an account. */
export function isAccountId(principal: string): boolean {
  return ACCOUNT_ID.test(principal);
}

function readImportTargets(reader: SettingReader, regions: readonly string[], sources: readonly string[]): string[] {
  const given = reader.list('ImportTargets');
  const targets = given.length === 0 ? ['*'] : given;
  if (!targets.every((target) => target === '*' || POOL_PATTERN.test(target))) {
    reader.addProblem(
      'ImportTargets',
      'Use user pool ids with or without asterisks, such as eu-west-1_AbCdEf123 or eu-west-1_*. Use * for all pools.',
    );
    return targets;
  }
  const sourceTargets = targets.filter((target) => sources.includes(target));
  if (sourceTargets.length > 0) {
    reader.addProblem(
      'ImportTargets',
      `${sourceTargets.join(', ')} is a source pool. Imports write to a source pool only if RepairablePools names it.`,
    );
  }
  for (const region of regions.filter(isRegion)) {
    if (importTargetsIn({ importTargets: targets }, region).length === 0) {
      reader.addProblem('ImportTargets', `Imports in ${region} have no target. Add a pool id of that Region, or ${region}_*.`);
    }
  }
  const inOtherRegions = targets.filter((target) => target !== '*' && !regions.includes(regionOf(target)));
  if (inOtherRegions.length > 0) {
    reader.addProblem('ImportTargets', `${inOtherRegions.join(', ')} is not in a Region of this deployment. Leave it out.`);
  }
  return targets;
}

/**
 * Only pools of the primary Region can be repaired. To repair a pool of the secondary Region, the operator
 * makes a deployment with that Region as the primary one.
 */
function readRepairablePools(reader: SettingReader, primaryRegion: string, sources: readonly string[]): string[] {
  const pools = reader.list('RepairablePools');
  if (!pools.every((pool) => sources.includes(pool))) {
    reader.addProblem('RepairablePools', 'Use whole ids of pools in UserPoolIds or FormerUserPoolIds.');
  } else if (isRegion(primaryRegion) && !pools.every((pool) => regionOf(pool) === primaryRegion)) {
    reader.addProblem('RepairablePools', `Use pools of the primary Region, ${primaryRegion}. Imports repair no others.`);
  }
  return pools;
}
