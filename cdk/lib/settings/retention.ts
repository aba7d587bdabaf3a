/** Reads how long snapshots and logs are kept. */

import { SettingReader } from './reader';

/**
 * The log retentions that CloudWatch Logs accepts, in days.
 * Source: PutRetentionPolicy, CloudWatch Logs API reference.
 */
const LOG_RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

/** The rules of a deployment that gives none: all snapshots of five weeks, and one of each month for a year. */
const DEFAULT_RULES = 'days=35,monthly=12';
/** The value of `SnapshotRetention` for a deployment that keeps every snapshot. */
const NO_RULES = 'none';

/** Reads the rules of `SnapshotRetention`. Undefined: every snapshot stays. The same rules as in `shared/src/model/retention.rs`, where the function reads the text again. */
export function readSnapshotRetention(reader: SettingReader): string | undefined {
  const text = reader.text('SnapshotRetention') ?? DEFAULT_RULES;
  if (text === NO_RULES) {
    return undefined;
  }
  const rules = text.split(',').map((rule) => rule.replaceAll(/\s/g, ''));
  const names = rules.map((rule) => /^(last|days|daily|weekly|monthly)=0*[1-9]\d{0,3}$/.exec(rule)?.[1]);
  if (names.includes(undefined) || new Set(names).size !== names.length) {
    reader.addProblem(
      'SnapshotRetention',
      'Use last, days, daily, weekly and monthly, each at most once and with a number from 1 to 9999, such as days=35,monthly=12. Or use none to keep every snapshot.',
    );
  }
  return rules.join(',');
}

/** Reads how many days logs are kept. */
export function readLogRetention(reader: SettingReader): number {
  const days = reader.number('LogRetentionDays') ?? 90;
  if (!Number.isNaN(days) && !LOG_RETENTIONS.some((retention) => retention === days)) {
    reader.addProblem('LogRetentionDays', `Use a number of days that CloudWatch Logs accepts: ${LOG_RETENTIONS.join(', ')}.`);
  }
  return days;
}
