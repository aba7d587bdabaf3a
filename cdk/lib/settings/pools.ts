/** Reads which pools a deployment exports, restores from and writes to. */

import { isRegion } from '../partition';
import type { Settings } from './index';
import { SettingName, SettingReader } from './reader';

/**
 * The maximum number of pools in a deployment. The policies of a role name each pool several times, and IAM
 * limits them to 10,240 characters for each role.
 */
const MAX_POOLS = 20;

/** The form of the id of a pool. */
export const POOL_ID = /^([a-z]{2,4}(?:-[a-z]+)+-\d)_[0-9A-Za-z]{1,40}$/;
const POOL_PATTERN = /^([a-z]{2,4}(?:-[a-z]+)+-\d)_[0-9A-Za-z*]{1,40}$/;

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

/** The pools whose snapshots are copied from another account. */
export function copiedPools(settings: Pick<Settings, 'copyFrom' | 'formerUserPoolIds'>): readonly string[] {
  return settings.copyFrom === undefined ? [] : settings.formerUserPoolIds;
}

/** Reads the pools whose snapshots can be restored: those that are exported, and the former ones. */
export function readSourcePools(reader: SettingReader): Pick<Settings, 'userPoolIds' | 'formerUserPoolIds'> {
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
  return { userPoolIds, formerUserPoolIds };
}

/** Adds a problem if the id of a pool begins with a text that has not the form of a Region. */
function requireRegions(reader: SettingReader, name: SettingName, pools: readonly string[]): void {
  const mistyped = [...new Set(pools.filter((pool) => POOL_ID.test(pool)).map(regionOf))].filter((region) => !isRegion(region));
  if (mistyped.length > 0) {
    reader.addProblem(name, `AWS has no Region ${mistyped.join(' or ')}. Use the whole ids that Cognito shows.`);
  }
}

/**
 * Reads which pools imports may write to: those with a tag, those in lists, or those that are both.
 *
 * @param regions the Regions of the deployment, the primary one first
 */
export function readTargets(
  reader: SettingReader,
  regions: readonly string[],
  sources: readonly string[],
): Pick<Settings, 'requirePoolTag' | 'importTargets' | 'repairablePools'> {
  const requirePoolTag = reader.oneOf('RequirePoolTag') === 'YES';
  const importTargets = readImportTargets(reader, regions, sources);
  const repairablePools = readRepairablePools(reader, regions[0] ?? '', sources);
  if (!requirePoolTag && importTargets.length + repairablePools.length === 0) {
    reader.addProblem(
      'RequirePoolTag',
      'No import could write to any pool. Name pools in ImportTargets or RepairablePools, or leave RequirePoolTag out.',
    );
  }
  return { requirePoolTag, importTargets, repairablePools };
}

/** Reads the list of pools that imports may write to. If there is one, each Region has at least one pool. */
function readImportTargets(reader: SettingReader, regions: readonly string[], sources: readonly string[]): string[] {
  const targets = reader.list('ImportTargets');
  if (targets.length === 0) {
    return [];
  }
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
      `${sourceTargets.join(', ')} is a source pool. Imports write to a source pool only for a repair: name it in RepairablePools instead.`,
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
