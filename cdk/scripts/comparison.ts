/** Compares the settings of a file with those that deployments have recorded in the account. */

import type { EffectiveSettings, EffectiveValue } from '../lib/settings/effective';
import { NO_REGION } from '../lib/settings/regions';

/**
 * The settings that a deployment has recorded. Another version of this project may have recorded other settings, so
 * any can be missing.
 */
export type RecordedSettings = Readonly<Partial<Record<string, EffectiveValue>>>;

/**
 * Why a deployment is refused: it would leave another deployment of the same pools behind.
 *
 * @param wanted the settings of the file
 * @param deployed the settings of all deployments of the account and Region, by their names
 */
export function conflicts(wanted: EffectiveSettings, deployed: ReadonlyMap<string, RecordedSettings>): string[] {
  const others = [...deployed].filter(([name]) => name !== wanted.Name);
  const doubles = others.flatMap(([name, settings]) => {
    const pools = members(settings.UserPoolIds).filter((pool) => members(wanted.UserPoolIds).includes(pool));
    return pools.length === 0
      ? []
      : `The deployment ${name} exports ${pools.join(', ')} already. To change that deployment, use Name: ${name}. To move a pool, first remove it from the settings of ${name}, and deploy them.`;
  });
  const before = deployed.get(String(wanted.Name))?.SecondaryRegion;
  if (before === undefined || before === null || before === NO_REGION || before === wanted.SecondaryRegion) {
    return doubles;
  }
  return [
    ...doubles,
    `The deployment ${wanted.Name} has its replica in ${before}, and a replica cannot move. Use SecondaryRegion: ${before}. For a replica in another Region, make a second deployment with another Name, and copy the snapshots to its table with cognito-backup copy. Then remove the pools from the first one.`,
  ];
}

/** What a deployment changes in the recorded settings, a line for each value: `CognitoTPS: 10 → 20`. */
export function changes(before: RecordedSettings, after: EffectiveSettings): string[] {
  const names = [...new Set([...Object.keys(after), ...Object.keys(before)])];
  const values: RecordedSettings = after;
  return names.flatMap((name) => changesOf(name, before[name] ?? null, values[name] ?? null));
}

/**
 * Why a change of the settings removes snapshots that stay today. Undefined if it removes none. The first rules, and
 * every change of them, may keep fewer snapshots.
 */
export function removalWarning(before: RecordedSettings, after: EffectiveSettings): string | undefined {
  const [old, now] = [before.SnapshotRetention ?? null, after.SnapshotRetention];
  if (now === null || now === old) {
    return undefined;
  }
  const preview = `cognito-backup prune --pool POOL ${String(now).replaceAll(/(\w+)=(\d+),?/g, '--keep-$1 $2 ')}--plan`;
  return `WARNING: SnapshotRetention ${now} REMOVES SNAPSHOTS: after the next export of each pool, those that no rule keeps go. See which: ${preview}. To keep every snapshot, set SnapshotRetention: none.`;
}

/** The pools that exports begin or cease to read. */
export function poolChanges(before: RecordedSettings | undefined, after: EffectiveSettings) {
  const [old, now] = [members(before?.UserPoolIds), members(after.UserPoolIds)];
  return { added: now.filter((pool) => !old.includes(pool)), removed: old.filter((pool) => !now.includes(pool)) };
}

function changesOf(name: string, before: EffectiveValue, after: EffectiveValue): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) {
    return [];
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const removed = before.filter((member) => !after.includes(member)).map((member) => `${name}: − ${member}`);
    const added = after.filter((member) => !before.includes(member)).map((member) => `${name}: + ${member}`);
    return removed.length + added.length > 0 ? [...removed, ...added] : [`${name}: another order`];
  }
  return [`${name}: ${shown(before)} → ${shown(after)}`];
}

function shown(value: EffectiveValue): string {
  const text = Array.isArray(value) ? value.join(', ') : String(value ?? '');
  return text === '' ? 'none' : text;
}

function members(value: EffectiveValue | undefined): readonly string[] {
  return Array.isArray(value) ? value : [];
}
