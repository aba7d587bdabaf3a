/** Reads when exports start, and the age of a snapshot that starts an alarm. */

import { SETTINGS } from '../setting-descriptions';
import { SettingReader } from './reader';

/** The default of `SnapshotMaxAgeHours`, in periods between two exports. */
const DEFAULT_MAX_AGE_PERIODS = 1.5;

/** Frequencies with a name. They are rates, so the first export starts when the schedule is created. */
const NAMED_FREQUENCIES: Record<string, string> = {
  EVERY_HOUR: 'rate(1 hour)',
  EVERY_DAY: 'rate(1 day)',
  EVERY_7_DAYS: 'rate(7 days)',
  EVERY_30_DAYS: 'rate(30 days)',
};

/** When exports or copies start. */
export interface Schedule {
  /** An EventBridge Scheduler expression: `rate(…)` or `cron(…)`. */
  readonly expression: string;
  /** The IANA time zone of a cron expression. */
  readonly timeZone?: string;
}

/** Reads when exports start. A cron expression without a time zone is in UTC. */
export function readSchedule(reader: SettingReader): Schedule {
  const expression = readFrequency(reader, 'ExportFrequency', 'EVERY_DAY');
  const timeZone = reader.text('ExportTimeZone');
  if (timeZone !== undefined && !isCron(expression)) {
    reader.addProblem('ExportTimeZone', 'Leave it out, or use a cron expression as ExportFrequency. A rate has no time of day.');
  } else if (timeZone !== undefined && !isTimeZone(timeZone)) {
    reader.addProblem('ExportTimeZone', 'Use the name of an IANA time zone, such as Europe/Berlin.');
  }
  return { expression, timeZone: isCron(expression) ? (timeZone ?? 'UTC') : undefined };
}

/** Reads an expression of EventBridge Scheduler, or a name for one. */
export function readFrequency(reader: SettingReader, name: 'ExportFrequency' | 'CopyFrequency', fallback: string): string {
  const frequency = reader.text(name) ?? fallback;
  const expression = NAMED_FREQUENCIES[frequency] ?? frequency;
  if (periodInHours(expression) === undefined && !isCron(expression)) {
    reader.addProblem(
      name,
      `Use one of ${Object.keys(NAMED_FREQUENCIES).join(', ')}, a rate of 15 minutes or more such as rate(12 hours), or a cron expression of six fields such as cron(30 2 * * ? *).`,
    );
  }
  return expression;
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

/**
 * Reads the age in hours that starts the alarm. Undefined: no alarm. The default follows the period between two
 * exports. A cron expression has no period and no default.
 */
export function readMaxAge(reader: SettingReader, schedule: Schedule): number | undefined {
  const hours = reader.number('SnapshotMaxAgeHours');
  if (hours !== undefined) {
    return hours === 0 ? undefined : hours;
  }
  const maximum = SETTINGS.SnapshotMaxAgeHours.value.to;
  if (isCron(schedule.expression)) {
    reader.addProblem(
      'SnapshotMaxAgeHours',
      `ExportFrequency is a cron expression, so set the age in hours that starts the alarm: 1 to ${maximum}, or 0 for no alarm.`,
    );
  }
  const period = periodInHours(schedule.expression);
  return period === undefined ? undefined : Math.min(period * DEFAULT_MAX_AGE_PERIODS, maximum);
}
