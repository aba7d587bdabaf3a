/**
 * The settings of a deployment, read from CDK context and checked before anything is synthesised.
 *
 * They come from `cdk.context.json`, `cdk.json` or `--context Name=value`. Lists are JSON arrays or texts with commas. Every problem is
 * told at once, each in a sentence that says what is allowed; a name that is no setting is a problem, too.
 */

import { SETTINGS } from './setting-descriptions';

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** The names of all settings, as they are written in the context. */
export const SETTING_NAMES = Object.keys(SETTINGS).sort() as SettingName[];

/** What CloudWatch Logs takes as a retention, in days. Source: PutRetentionPolicy, CloudWatch Logs API reference. */
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

/** The greatest age of a snapshot that an alarm can be set to, in hours: 90 days. */
const GREATEST_MAX_AGE_HOURS = 2160;

/** How much older than the period between two exports the newest snapshot may become. */
const PERIODS_WITHOUT_SNAPSHOT = 1.5;

/** Frequencies with a name, as rates: the first export begins as soon as the schedule is there. */
const NAMED_FREQUENCIES: Record<string, string> = {
  EVERY_HOUR: 'rate(1 hour)',
  EVERY_DAY: 'rate(1 day)',
  EVERY_7_DAYS: 'rate(7 days)',
  EVERY_30_DAYS: 'rate(30 days)',
};

/** The most pools of a deployment: roles name each of them several times, and their policies are limited to 10,240 characters. */
const MOST_POOLS = 20;

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;
const POOL_ID = /^([a-z]{2}(?:-[a-z]+)+-\d)_[0-9A-Za-z]{1,40}$/;
const POOL_PATTERN = /^([a-z]{2}(?:-[a-z]+)+-\d)_[0-9A-Za-z*]{1,40}$/;
const ROLE_ARN = /^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]+$/;
const PRINCIPAL_ARN = /^arn:aws:iam::\d{12}:(root|(role|user)\/[\w+=,.@/-]+)$/;

/** When exports begin. */
export interface ExportSchedule {
  /** An EventBridge Scheduler expression: `rate(…)` or `cron(…)`. */
  readonly expression: string;
  /** The IANA time zone in which a cron expression is read. */
  readonly timeZone?: string;
}

/** Where the code of the functions comes from. */
export type FunctionsFrom = 'BUILD' | 'BUILT' | 'PLACEHOLDER';

/** A checked deployment. */
export interface Settings {
  /** `Name`: what the table, the state machines and everything else with a name is called, or begins with. */
  readonly name: string;
  /** `UserPoolIds`: the pools that are exported. Nothing is ever written to them, unless `repairablePools` names them. */
  readonly userPoolIds: readonly string[];
  /** `FormerUserPoolIds`: pools that are not exported (any more), but whose snapshots can be restored. */
  readonly formerUserPoolIds: readonly string[];
  /** `PrimaryRegion`: the Region of the exported pools, the table and the schedules. */
  readonly primaryRegion: string;
  /** `SecondaryRegion`: the Region of the replica, and of imports when the primary Region is lost. */
  readonly secondaryRegion: string;
  /** `ExportFrequency` and `ExportTimeZone`. */
  readonly exportSchedule: ExportSchedule;
  /** `SnapshotMaxAgeHours`: how many hours old a pool's newest snapshot may become before the alarm; none where none is wanted. */
  readonly snapshotMaxAgeHours?: number;
  /** `SnapshotRetention`: which snapshots are kept, such as `days=35,monthly=12`; all where it is not given. */
  readonly snapshotRetention?: string;
  /** `CognitoTPS`: Cognito calls per second of a run whose input states none. */
  readonly cognitoTps: number;
  /** `QuotaHeadroom`: how much of each of Cognito's request quotas runs leave to others, percent. */
  readonly quotaHeadroom: number;
  /** `LogRetentionDays`: how many days logs are kept. */
  readonly logRetentionDays: number;
  /** `SnsPreference`: whether the topic is told of every run, or only of those that went wrong. */
  readonly snsPreference: 'INFO_AND_ERRORS' | 'ERRORS_ONLY';
  /** `NotificationEmail`: who is subscribed to the topics. */
  readonly notificationEmail?: string;
  /** `TrustedPrincipals`: account ids and ARNs of who may read the backup from another account. */
  readonly trustedPrincipals: readonly string[];
  /** `ImportTargets`: pool ids, possibly with `*`, that imports may write to; `*` alone stands for all pools of both Regions. */
  readonly importTargets: readonly string[];
  /** `RepairablePools`: the pools among those above that imports in the primary Region may write to all the same. */
  readonly repairablePools: readonly string[];
  /** `GroupRoleArns`: the roles that restored groups may be given. */
  readonly groupRoleArns: readonly string[];
  /** `Architecture` of the functions. */
  readonly architecture: 'arm64' | 'x86_64';
  /** `ReserveConcurrency`: whether the functions that call Cognito may run only as often at once as there are pools. */
  readonly reserveConcurrency: boolean;
  /** `Functions`: where the code of the functions comes from. */
  readonly functions: FunctionsFrom;
}

/** Settings that cannot be deployed, with a sentence for each problem. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SettingsError';
  }
}

/** Reads settings one by one and remembers what is wrong with them. */
class Reader {
  readonly problems: string[] = [];

  constructor(private readonly context: Readonly<Record<string, unknown>>) {}

  /** Notes a problem with the value of a setting. */
  refuse(name: SettingName, allowed: string): void {
    const value = this.context[name];
    this.problems.push(
      value === undefined
        ? `${name} is missing. ${allowed}`
        : `${name} is ${JSON.stringify(value)}, which cannot be used. ${allowed}`,
    );
  }

  /** The text of a setting, without white space around it; undefined where it is not given or empty. */
  text(name: SettingName): string | undefined {
    const value = this.context[name] ?? '';
    // A list or an object where one value is wanted becomes a text that no setting accepts.
    const text = (typeof value === 'object' ? JSON.stringify(value) : String(value)).trim();
    return text === '' ? undefined : text;
  }

  /** The members of a list. */
  list(name: SettingName): string[] {
    const value = this.context[name];
    const members = Array.isArray(value) ? value : String(value ?? '').split(',');
    return [...new Set(members.map((member) => String(member).trim()).filter((member) => member !== ''))];
  }

  /** A list whose members match `pattern`. */
  listOf(name: SettingName, pattern: RegExp, allowed: string): string[] {
    const members = this.list(name);
    if (!members.every((member) => pattern.test(member))) {
      this.refuse(name, allowed);
    }
    return members;
  }

  /** One of several words; the first of them where it is not given. */
  word<T extends string>(name: SettingName, words: readonly [T, ...T[]]): T {
    const text = this.text(name);
    const found = words.find((word) => word === text);
    if (text !== undefined && found === undefined) {
      this.refuse(name, `Use one of ${words.join(', ')}.`);
    }
    return found ?? words[0];
  }

  /** A whole number from `least` to `most`. */
  number(name: SettingName, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) {
      return undefined;
    }
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(number >= least && number <= most)) {
      this.refuse(name, `Use a whole number from ${least} to ${most}.`);
    }
    return number;
  }
}

/** The Region of a pool id or pattern. */
export function regionOf(pool: string): string {
  return pool.slice(0, pool.indexOf('_'));
}

/** The patterns of `ImportTargets` that are meant for pools of `region`. */
export function importTargetsIn(settings: Pick<Settings, 'importTargets'>, region: string): string[] {
  const inRegion = settings.importTargets.map((pattern) => (pattern === '*' ? `${region}_*` : pattern));
  return [...new Set(inRegion.filter((pattern) => regionOf(pattern) === region))];
}

/** The pools of `region` that may be restored into although their snapshots are here. */
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
 * @param context all context values of the app; those of the CDK itself are left alone
 * @throws SettingsError that names every problem
 */
export function readSettings(context: Readonly<Record<string, unknown>>): Settings {
  const reader = new Reader(context);
  refuseUnknownNames(reader, context);

  const userPoolIds = reader.listOf('UserPoolIds', POOL_ID, 'Use user pool ids such as eu-west-1_AbCdEf123.');
  const formerUserPoolIds = reader.listOf('FormerUserPoolIds', POOL_ID, 'Use user pool ids such as eu-west-1_AbCdEf123.');
  if (userPoolIds.length + formerUserPoolIds.length === 0) {
    reader.refuse('UserPoolIds', 'Name the user pools to back up, such as eu-west-1_AbCdEf123,eu-west-1_GhIjKl456.');
  }
  if (userPoolIds.length + formerUserPoolIds.length > MOST_POOLS) {
    reader.refuse(
      'UserPoolIds',
      `A deployment takes ${MOST_POOLS} pools, former ones included: make another one with a Name of its own.`,
    );
  }
  const twice = formerUserPoolIds.filter((pool) => userPoolIds.includes(pool));
  if (twice.length > 0) {
    reader.refuse('FormerUserPoolIds', `${twice.join(', ')} is among UserPoolIds as well: name a pool in one of them.`);
  }
  const primaryRegion = readPrimaryRegion(reader, userPoolIds);
  const secondaryRegion = reader.text('SecondaryRegion') ?? '';
  if (!REGION.test(secondaryRegion) || secondaryRegion === primaryRegion) {
    reader.refuse(
      'SecondaryRegion',
      'Name the Region of the replica, such as eu-central-1; it is another one than that of the pools.',
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
    cognitoTps: reader.number('CognitoTPS', 1, 200) ?? 10,
    quotaHeadroom: reader.number('QuotaHeadroom', 0, 90) ?? 10,
    logRetentionDays: readRetention(reader),
    snsPreference: reader.word('SnsPreference', ['INFO_AND_ERRORS', 'ERRORS_ONLY']),
    notificationEmail: readEmail(reader),
    trustedPrincipals: readPrincipals(reader),
    importTargets: readTargets(reader, [primaryRegion, secondaryRegion], [...userPoolIds, ...formerUserPoolIds]),
    repairablePools: readRepairable(reader, primaryRegion, [...userPoolIds, ...formerUserPoolIds]),
    groupRoleArns: reader.listOf(
      'GroupRoleArns',
      ROLE_ARN,
      'Use ARNs of IAM roles, such as arn:aws:iam::111122223333:role/editors.',
    ),
    architecture: reader.word('Architecture', ['arm64', 'x86_64']),
    reserveConcurrency: reader.word('ReserveConcurrency', ['YES', 'NO']) === 'YES',
    functions: reader.word('Functions', ['BUILT', 'BUILD', 'PLACEHOLDER']),
  };
  if (reader.problems.length > 0) {
    throw new SettingsError(reader.problems);
  }
  return settings;
}

/** The CDK's own names have a colon or an at sign in them; whatever else is in the context is meant for us. */
function refuseUnknownNames(reader: Reader, context: Readonly<Record<string, unknown>>): void {
  const known: readonly string[] = SETTING_NAMES;
  const unknown = Object.keys(context).filter((name) => !/[:@]/.test(name) && !known.includes(name));
  for (const name of unknown) {
    const meant = known.find((setting) => setting.toLowerCase() === name.toLowerCase().replaceAll(/[-_]/g, ''));
    const advice = meant ? `${meant} is meant, perhaps.` : `Settings are ${known.join(', ')}.`;
    reader.problems.push(`${name} is no setting. ${advice}`);
  }
}

function readName(reader: Reader): string {
  const name = reader.text('Name') ?? 'cognito-backup';
  if (!/^[a-z][a-z0-9-]{1,30}[a-z0-9]$/.test(name)) {
    reader.refuse('Name', 'Use 3 to 32 lower-case letters, digits and hyphens, a letter first and no hyphen last.');
  }
  return name;
}

function readPrimaryRegion(reader: Reader, userPoolIds: readonly string[]): string {
  const regions = [...new Set(userPoolIds.filter((pool) => POOL_ID.test(pool)).map(regionOf))];
  if (regions.length > 1) {
    reader.refuse(
      'UserPoolIds',
      `These pools are in ${regions.join(' and ')}: make a deployment with a Name of its own for each Region.`,
    );
  }
  const region = reader.text('PrimaryRegion');
  if (region === undefined && userPoolIds.length === 0 && reader.list('FormerUserPoolIds').length > 0) {
    reader.refuse('PrimaryRegion', 'Without UserPoolIds, name the Region to deploy to, such as eu-west-1.');
  }
  if (region !== undefined && !(REGION.test(region) && (regions.length === 0 || regions.includes(region)))) {
    reader.refuse(
      'PrimaryRegion',
      'It is the Region of UserPoolIds, such as eu-west-1, and can be left out where there are any.',
    );
  }
  return region ?? regions[0] ?? '';
}

function readSchedule(reader: Reader): ExportSchedule {
  const frequency = reader.text('ExportFrequency') ?? 'EVERY_DAY';
  const expression = NAMED_FREQUENCIES[frequency] ?? frequency;
  const timeZone = reader.text('ExportTimeZone');
  if (periodInHours(expression) === undefined && !isCron(expression)) {
    reader.refuse(
      'ExportFrequency',
      `Use one of ${Object.keys(NAMED_FREQUENCIES).join(', ')}, a rate of 15 minutes or more such as rate(12 hours), or a cron expression of six fields such as cron(30 2 * * ? *).`,
    );
  }
  if (timeZone !== undefined && !isCron(expression)) {
    reader.refuse('ExportTimeZone', 'It goes with a cron expression as ExportFrequency: a rate has no time of day.');
  } else if (timeZone !== undefined && !isTimeZone(timeZone)) {
    reader.refuse('ExportTimeZone', 'Use the name of an IANA time zone, such as Europe/Berlin.');
  }
  return { expression, timeZone: isCron(expression) ? (timeZone ?? 'UTC') : undefined };
}

/** The hours between two exports of a rate; undefined for anything else. */
function periodInHours(expression: string): number | undefined {
  const [, number, unit] = /^rate\((\d{1,5}) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  if (number === undefined || unit === undefined) {
    return undefined;
  }
  const hours = (Number(number) * { minute: 1, hour: 60, day: 1440 }[unit as 'minute' | 'hour' | 'day']) / 60;
  return hours >= 0.25 ? hours : undefined;
}

/** Whether it is a cron expression of EventBridge Scheduler: six fields, and one of the two for days is a question mark. */
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

/** A period and a half. A cron expression has no period, so it has to be said. */
function readMaxAge(reader: Reader, schedule: ExportSchedule): number | undefined {
  const hours = reader.number('SnapshotMaxAgeHours', 0, GREATEST_MAX_AGE_HOURS);
  if (hours !== undefined) {
    return hours === 0 ? undefined : hours;
  }
  if (isCron(schedule.expression)) {
    reader.refuse(
      'SnapshotMaxAgeHours',
      `With a cron expression, say after how many hours without a snapshot you want the alarm: 1 to ${GREATEST_MAX_AGE_HOURS}, or 0 for no alarm.`,
    );
  }
  const period = periodInHours(schedule.expression);
  return period === undefined ? undefined : Math.min(period * PERIODS_WITHOUT_SNAPSHOT, GREATEST_MAX_AGE_HOURS);
}

/** The rules of `shared/src/model/retention.rs`, which reads them again. */
function readSnapshotRetention(reader: Reader): string | undefined {
  const rules = reader
    .text('SnapshotRetention')
    ?.split(',')
    .map((rule) => rule.replaceAll(/\s/g, ''));
  const names = rules?.map((rule) => /^(last|days|daily|weekly|monthly)=0*[1-9]\d{0,3}$/.exec(rule)?.[1]);
  if (names?.includes(undefined) || new Set(names).size !== (names?.length ?? 0)) {
    reader.refuse(
      'SnapshotRetention',
      'Name some of last, days, daily, weekly and monthly, each once and with a number from 1 to 9999, such as days=35,monthly=12.',
    );
  }
  return rules?.join(',');
}

function readRetention(reader: Reader): number {
  const days = reader.number('LogRetentionDays', 1, 3653) ?? 90;
  if (!Number.isNaN(days) && !RETENTIONS.some((retention) => retention === days)) {
    reader.refuse('LogRetentionDays', `CloudWatch Logs takes ${RETENTIONS.join(', ')}.`);
  }
  return days;
}

function readEmail(reader: Reader): string | undefined {
  const email = reader.text('NotificationEmail');
  if (email !== undefined && !/^[^\s@,]+@[^\s@,]+\.[^\s@,]+$/.test(email)) {
    reader.refuse('NotificationEmail', 'Use one e-mail address, such as backup@example.com.');
  }
  return email;
}

/** An account id stands for everybody whom that account lets in. Nobody can be trusted by a wildcard. */
function readPrincipals(reader: Reader): string[] {
  const principals = reader.list('TrustedPrincipals');
  if (!principals.every((principal) => /^\d{12}$/.test(principal) || PRINCIPAL_ARN.test(principal))) {
    reader.refuse(
      'TrustedPrincipals',
      'Use account ids of 12 digits, and ARNs of roles and users such as arn:aws:iam::111122223333:role/restore.',
    );
  }
  return principals.map((principal) => (/^\d{12}$/.test(principal) ? `arn:aws:iam::${principal}:root` : principal));
}

function readTargets(reader: Reader, regions: readonly string[], sources: readonly string[]): string[] {
  const given = reader.list('ImportTargets');
  const targets = given.length === 0 ? ['*'] : given;
  if (!targets.every((target) => target === '*' || POOL_PATTERN.test(target))) {
    reader.refuse(
      'ImportTargets',
      'Use user pool ids with or without asterisks, such as eu-west-1_AbCdEf123 or eu-west-1_*, or * for all.',
    );
    return targets;
  }
  const exported = targets.filter((target) => sources.includes(target));
  if (exported.length > 0) {
    reader.refuse(
      'ImportTargets',
      `${exported.join(', ')} is a source: imports write to a pool that snapshots are taken of only where RepairablePools names it.`,
    );
  }
  for (const region of regions.filter((region) => REGION.test(region))) {
    if (importTargetsIn({ importTargets: targets }, region).length === 0) {
      reader.refuse('ImportTargets', `No import could write to any pool in ${region}: add a pool id there, or ${region}_*.`);
    }
  }
  const elsewhere = targets.filter((target) => target !== '*' && !regions.includes(regionOf(target)));
  if (elsewhere.length > 0) {
    reader.refuse('ImportTargets', `${elsewhere.join(', ')} is in none of the Regions of this deployment.`);
  }
  return targets;
}

/** Pools of the secondary Region are left out: what is repaired there belongs to a deployment whose primary Region that is. */
function readRepairable(reader: Reader, primaryRegion: string, sources: readonly string[]): string[] {
  const pools = reader.list('RepairablePools');
  if (!pools.every((pool) => sources.includes(pool))) {
    reader.refuse('RepairablePools', 'Name pools out of UserPoolIds and FormerUserPoolIds, each by its whole id.');
  } else if (REGION.test(primaryRegion) && !pools.every((pool) => regionOf(pool) === primaryRegion)) {
    reader.refuse('RepairablePools', `Imports repair pools of the primary Region, ${primaryRegion}: name pools that are there.`);
  }
  return pools;
}
