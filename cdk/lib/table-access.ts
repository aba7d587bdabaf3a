/**
 * Who may do what in the backup table, by the partitions of its items.
 *
 * No function may scan the table, or change anything about the table itself. None may delete an item by DeleteItem, unless there is a
 * retention: then finalize of the export may, of the pools that are exported.
 */

import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { RegionalTable } from './backup-table.construct';
import { FunctionName, OPERATIONS, PartitionKind, TABLE_ACTIONS, TableAction } from './operations';

/** Some partitions of the table. */
export interface Partitions {
  /** What kinds they are. */
  readonly kinds: readonly PartitionKind[];
  /** Their keys, possibly with `*`. */
  readonly keys: readonly string[];
}

/** Some actions on some partitions. */
export interface TableGrant {
  /** A name for the statement. */
  readonly sid: string;
  /** The actions. */
  readonly actions: readonly TableAction[];
  /** The partitions. */
  readonly partitions: readonly Partitions[];
}

/** The actions that change nothing. */
export const READING: readonly TableAction[] = ['GetItem', 'BatchGetItem', 'Query'];
/** The actions of deletions that depend on a lease. */
const DELETING_UNDER_A_LEASE: readonly TableAction[] = ['ConditionCheckItem', 'DeleteItem'];

/** The partitions with snapshots, restores and leases of pools. */
export const poolPartitions = (pools: readonly string[]): Partitions => ({
  kinds: ['POOL'],
  keys: pools.map((pool) => `POOL#${pool}`),
});

/** The partitions with the users' records of pools. */
export const userPartitions = (pools: readonly string[]): Partitions => ({
  kinds: ['USER'],
  keys: pools.map((pool) => `USER#${pool}#*`),
});

/** The partitions with the groups' records of pools. */
export const configurationPartitions = (pools: readonly string[]): Partitions => ({
  kinds: ['CONF'],
  keys: pools.map((pool) => `CONF#${pool}`),
});

/** The partitions with units and pages of snapshots. They are named by runs, not by pools, so that all pools' are meant. */
export const SNAPSHOT_PARTITIONS: Partitions = { kinds: ['SNAP'], keys: ['SNAP#*'] };

/** The partitions with ledgers and sub maps of restores. They are named by runs, too. */
export const RESTORE_PARTITIONS: Partitions = { kinds: ['RESTORE', 'RESTORE#HOLDS'], keys: ['RESTORE#*'] };

/** The partitions in which restores say which snapshots they rely on. */
const HOLD_PARTITIONS: Partitions = { kinds: ['RESTORE#HOLDS'], keys: ['RESTORE#HOLDS#*'] };

/** What a function does to items in some partitions; of all it does, only what is `among` some actions. */
export function tableGrant(
  sid: string,
  name: FunctionName,
  partitions: readonly Partitions[],
  among: readonly TableAction[] = TABLE_ACTIONS,
): TableGrant {
  const { dynamodb } = OPERATIONS.functions[name];
  const made = new Set(partitions.flatMap(({ kinds }) => kinds.flatMap((kind) => dynamodb[kind] ?? [])));
  return { sid, actions: TABLE_ACTIONS.filter((action) => made.has(action) && among.includes(action)), partitions };
}

/**
 * What finalize of the export needs to apply a retention: the pages of all snapshots, to delete those of snapshots that go and the records
 * that only these name, and to look at the lease of the pool in the same transactions. (The leases of imports it may read as
 * {@link findRunsOfAnyPool} says.)
 */
export const removingSnapshots = (pools: readonly string[]): TableGrant[] => [
  tableGrant(
    'RemoveSnapshots',
    'exportRetention',
    [poolPartitions(pools), SNAPSHOT_PARTITIONS, HOLD_PARTITIONS],
    TABLE_ACTIONS.filter((action) => !DELETING_UNDER_A_LEASE.includes(action)),
  ),
  tableGrant(
    'RemoveRecordsUnderTheLease',
    'exportRetention',
    [poolPartitions(pools), configurationPartitions(pools), userPartitions(pools)],
    DELETING_UNDER_A_LEASE,
  ),
];

/**
 * What finalize needs to record and announce a run that was refused for its pool: a pool that the settings do not name, say. It looks for the
 * run's header and lease, finds none, and tells the topic. Headers hold counts and ids.
 */
export const findRunsOfAnyPool = (name: FunctionName): TableGrant =>
  tableGrant('FindRunsOfAnyPool', name, [{ kinds: ['POOL'], keys: ['POOL#*'] }], READING);

/**
 * The statements for some grants, and for the use of the table's key through DynamoDB.
 *
 * All the actions name their partitions, so that `dynamodb:LeadingKeys` always holds; the second condition refuses a request in which it would
 * not, because `ForAllValues` is true of nothing at all.
 */
export function tableStatements(
  stack: Stack,
  table: RegionalTable,
  grants: readonly TableGrant[],
  keyActions: readonly string[],
): iam.PolicyStatement[] {
  return [
    ...grants.map(
      (grant) =>
        new iam.PolicyStatement({
          sid: grant.sid,
          actions: grant.actions.map((action) => `dynamodb:${action}`),
          resources: [table.tableArn],
          conditions: {
            'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': grant.partitions.flatMap(({ keys }) => keys) },
            Null: { 'dynamodb:LeadingKeys': 'false' },
          },
        }),
    ),
    new iam.PolicyStatement({
      sid: 'UseTheKeyOfTheTable',
      actions: keyActions.map((action) => `kms:${action}`),
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
        'dynamodb:LeadingKeys': [poolPartitions(untouched), userPartitions(pools), configurationPartitions(pools)].flatMap(
          ({ keys }) => keys,
        ),
      },
    },
  });
}
