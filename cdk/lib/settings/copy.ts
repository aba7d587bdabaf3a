/** Reads from which table of another account new snapshots are copied, and when. */

import { partitionOf } from '../partition';
import { readerRoleName } from '../names';
import { ROLE_ARN, requirePartition } from './people';
import { POOL_ID, regionOf } from './pools';
import { SettingReader } from './reader';
import { type Schedule, readFrequency } from './schedule';

/** The copy of new snapshots from another account. */
export interface CopySettings {
  /** `CopyFrom`: the ARN of the table. */
  readonly tableArn: string;
  /** `CopyFromRole`: the ARN of the role that reads it. By default, the reader role of its deployment. */
  readonly roleArn: string;
  /** `CopyFromExternalId`: the external id that the role requires. */
  readonly externalId?: string;
  /** `CopyFrequency`: when copies start. */
  readonly schedule: Schedule;
}

/** The ARN of a table: its Region, its account and its name. */
const TABLE_ARN = /^arn:aws(?:-[a-z]+)*:dynamodb:([a-z0-9-]+):(\d{12}):table\/([\w.-]{3,255})$/;

/** The settings that change a copy, and say nothing without one. */
const DETAILS = ['CopyFromRole', 'CopyFromExternalId', 'CopyFrequency'] as const;

/** The Regions of a deployment. */
interface Regions {
  readonly primaryRegion: string;
  readonly secondaryRegion?: string;
}

/** Reads the copy. Undefined: no snapshot is copied. */
export function readCopy(
  reader: SettingReader,
  regions: Regions,
  formerUserPoolIds: readonly string[],
): CopySettings | undefined {
  const tableArn = reader.text('CopyFrom');
  if (tableArn === undefined) {
    DETAILS.filter((name) => reader.text(name) !== undefined).forEach((name) =>
      reader.addProblem(name, 'No table is copied from, so set CopyFrom, too, or leave this out.'),
    );
    return undefined;
  }
  const [, region = '', account = '', table = ''] = TABLE_ARN.exec(tableArn) ?? [];
  if (region === '') {
    reader.addProblem(
      'CopyFrom',
      'Use the ARN of a backup table of another account, such as arn:aws:dynamodb:eu-west-1:111122223333:table/cognito-backup.',
    );
  }
  requirePartition(reader, 'CopyFrom', [tableArn], regions.primaryRegion);
  requirePools(reader, regions, formerUserPoolIds);
  const readerRole = `arn:${partitionOf(region) ?? 'aws'}:iam::${account}:role/${readerRoleName(table, region)}`;
  return {
    tableArn,
    roleArn: readRole(reader, regions.primaryRegion) ?? readerRole,
    externalId: readExternalId(reader),
    schedule: { expression: readFrequency(reader, 'CopyFrequency', 'EVERY_HOUR') },
  };
}

function readRole(reader: SettingReader, primaryRegion: string): string | undefined {
  const role = reader.text('CopyFromRole');
  if (role !== undefined && !ROLE_ARN.test(role)) {
    reader.addProblem('CopyFromRole', 'Use the ARN of a role, such as arn:aws:iam::111122223333:role/reader.');
  }
  requirePartition(reader, 'CopyFromRole', role === undefined ? [] : [role], primaryRegion);
  return role;
}

function readExternalId(reader: SettingReader): string | undefined {
  const id = reader.text('CopyFromExternalId');
  // Source of the form: `AssumeRole`, AWS STS API reference.
  if (id !== undefined && !/^[\w+=,.@:/-]{2,1224}$/.test(id)) {
    reader.addProblem('CopyFromExternalId', 'Use 2 to 1224 letters, digits and characters of +=,.@:/-_.');
  }
  return id;
}

/**
 * Copies of a pool are written in one Region only, because a lease keeps others out within one Region: in that of the pool
 * if the table is there, and otherwise in the first by name. `cli/src/home_region.rs` has the same rule.
 */
function requirePools(reader: SettingReader, { primaryRegion, secondaryRegion }: Regions, pools: readonly string[]): void {
  if (pools.length === 0) {
    reader.addProblem('CopyFrom', 'Name the pools whose snapshots are copied in FormerUserPoolIds.');
  }
  const regions = [primaryRegion, secondaryRegion ?? []].flat().sort();
  const homeOf = (pool: string) => (regions.includes(regionOf(pool)) ? regionOf(pool) : regions[0]);
  const elsewhere = pools.filter((pool) => POOL_ID.test(pool) && homeOf(pool) !== primaryRegion);
  if (elsewhere.length > 0 && primaryRegion !== '') {
    const home = homeOf(elsewhere[0]!);
    reader.addProblem(
      'CopyFrom',
      `With these Regions, copies of ${elsewhere.join(', ')} are written in ${home}. Set PrimaryRegion to ${home}, and SecondaryRegion to ${primaryRegion}. Pools of UserPoolIds in ${primaryRegion} need a deployment of their own.`,
    );
  }
}
