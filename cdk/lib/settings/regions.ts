/** Reads the two Regions of a deployment. */

import { isInPartitionOf, isRegion, partitionOf } from '../partition';
import { POOL_ID, regionOf } from './pools';
import { SettingReader } from './reader';

/** The Region of the exported pools, or `PrimaryRegion` if there are none. Empty if both are missing. */
export function readPrimaryRegion(reader: SettingReader, userPoolIds: readonly string[]): string {
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

/** The value of `SecondaryRegion` for a backup in one Region. */
export const NO_REGION = 'none';

/**
 * The Region of the replica. It differs from the Region of the pools, and is in the same partition. Undefined if the
 * operator wants no replica.
 */
export function readSecondaryRegion(reader: SettingReader, primaryRegion: string): string | undefined {
  const region = reader.text('SecondaryRegion') ?? '';
  if (region === NO_REGION) {
    return undefined;
  }
  if (!isRegion(region) || region === primaryRegion) {
    reader.addProblem(
      'SecondaryRegion',
      'Name the Region of the replica, such as eu-central-1. It differs from the Region of the pools. For a first try in one Region, use none.',
    );
  } else if (!isInPartitionOf(primaryRegion, partitionOf(region))) {
    reader.addProblem(
      'SecondaryRegion',
      `Name a Region in the AWS partition of ${primaryRegion}. A table has no replica in another one.`,
    );
  }
  return region;
}
