/**
 * Who may do what in the backup table, by the partitions of its items. The partitions are made in `shared/src/catalog/keys.rs`.
 *
 * No function may scan the table, or change anything about the table itself. None may delete an item by DeleteItem, unless there is a
 * retention: then finalize of the export may, of the pools that are exported.
 */

import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { RegionalTable } from './backup-table.construct';

/** The DynamoDB actions of a function. Queries and batches are listed only where a step makes them. */
export type TableAction =
  'GetItem' | 'BatchGetItem' | 'Query' | 'PutItem' | 'BatchWriteItem' | 'ConditionCheckItem' | 'DeleteItem';

/** Some actions on some partitions. */
export interface TableGrant {
  /** A name for the statement. */
  readonly sid: string;
  /** The actions. */
  readonly actions: readonly TableAction[];
  /** The partition keys, possibly with `*`. */
  readonly partitions: readonly string[];
}

/** The partitions with snapshots, restores and leases of pools. */
export const poolPartitions = (pools: readonly string[]): string[] => pools.map((pool) => `POOL#${pool}`);

/** The partitions with the users' records of pools. */
export const userPartitions = (pools: readonly string[]): string[] => pools.map((pool) => `USER#${pool}#*`);

/** The partitions with the groups' records of pools. */
export const configurationPartitions = (pools: readonly string[]): string[] => pools.map((pool) => `CONF#${pool}`);

/** The partitions with units and pages of snapshots. They are named by runs, not by pools, so that all pools' are meant. */
export const SNAPSHOT_PARTITIONS = ['SNAP#*'];

/** The partitions with ledgers and sub maps of restores. They are named by runs, too. */
export const RESTORE_PARTITIONS = ['RESTORE#*'];

/** The partitions in which restores say which snapshots they rely on. */
export const HOLD_PARTITIONS = ['RESTORE#HOLDS#*'];

/**
 * What finalize of the export needs to apply a retention: the pages of all snapshots, to delete those of snapshots that go and the records
 * that only these name, and to look at the lease of the pool in the same transactions. (The leases of imports it may read as {@link FIND_RUNS}
 * says.)
 */
export const removingSnapshots = (pools: readonly string[]): TableGrant[] => [
  {
    sid: 'RemoveSnapshots',
    actions: ['BatchGetItem', 'Query', 'BatchWriteItem'],
    partitions: [...poolPartitions(pools), ...SNAPSHOT_PARTITIONS, ...HOLD_PARTITIONS],
  },
  {
    sid: 'RemoveRecordsUnderTheLease',
    actions: ['ConditionCheckItem', 'DeleteItem'],
    partitions: [...poolPartitions(pools), ...configurationPartitions(pools), ...userPartitions(pools)],
  },
];

/**
 * What finalize needs to record and announce a run that was refused for its pool: a pool that the settings do not name, say. It looks for the
 * run's header and lease, finds none, and tells the topic. Headers hold counts and ids.
 */
export const FIND_RUNS: TableGrant = { sid: 'FindRunsOfAnyPool', actions: ['GetItem', 'Query'], partitions: ['POOL#*'] };

/**
 * The statements for some grants, and for the use of the table's key through DynamoDB.
 *
 * All the actions name their partitions, so that `dynamodb:LeadingKeys` always holds; the second condition refuses a request in which it would
 * not, because `ForAllValues` is true of nothing at all.
 */
export function tableStatements(stack: Stack, table: RegionalTable, grants: readonly TableGrant[]): iam.PolicyStatement[] {
  const writes = grants.some((grant) => grant.actions.some((action) => action === 'PutItem' || action === 'BatchWriteItem'));
  return [
    ...grants.map(
      (grant) =>
        new iam.PolicyStatement({
          sid: grant.sid,
          actions: grant.actions.map((action) => `dynamodb:${action}`),
          resources: [table.tableArn],
          conditions: {
            'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...grant.partitions] },
            Null: { 'dynamodb:LeadingKeys': 'false' },
          },
        }),
    ),
    new iam.PolicyStatement({
      sid: 'UseTheKeyOfTheTable',
      actions: [
        'kms:Decrypt',
        'kms:DescribeKey',
        ...(writes ? ['kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'] : []),
      ],
      resources: [table.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${stack.region}.amazonaws.com` } },
    }),
  ];
}

/**
 * Refuses to write items of pools, whatever else is allowed: an import must not touch the snapshots that it reads.
 *
 * Of pools that may be repaired, the partition that holds restores and leases can be written to; it also holds the headers of snapshots, which
 * no condition tells apart. Records cannot.
 */
export function refuseWritingTo(
  table: RegionalTable,
  pools: readonly string[],
  repairable: readonly string[] = [],
): iam.PolicyStatement {
  const untouched = pools.filter((pool) => !repairable.includes(pool));
  return new iam.PolicyStatement({
    sid: 'NeverWriteItemsOfSourcePools',
    effect: iam.Effect.DENY,
    actions: ['dynamodb:PutItem', 'dynamodb:BatchWriteItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
    resources: [table.tableArn],
    conditions: {
      'ForAnyValue:StringLike': {
        'dynamodb:LeadingKeys': [...poolPartitions(untouched), ...userPartitions(pools), ...configurationPartitions(pools)],
      },
    },
  });
}
