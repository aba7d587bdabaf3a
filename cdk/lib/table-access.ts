/**
 * The statements for the backup table, by the partitions of its items.
 *
 * No function may scan the table, or change the table itself. Only the removal may delete items, only of exported pools.
 * It exists only if the deployment has rules of retention. PartiQLInsert cannot replace an item, and PutItem can. So
 * records have statements of their own.
 *
 * People also work with snapshots that were copied into the table, whose pools no setting names. So their statements
 * name kinds of partitions, and no pools.
 */

import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { RegionalTable } from './backup-table.construct';
import { FunctionName, OPERATIONS, PartitionKind, TABLE_ACTIONS, TableAction, TableRights } from './operations';
import { viaService } from './partition';

/** A set of partitions. */
export interface Partitions {
  /** The kinds of the partitions. */
  readonly kinds: readonly PartitionKind[];
  /** The keys or key patterns. */
  readonly keys: readonly string[];
}

/** The permission for actions on partitions. */
export interface TableGrant {
  /** The id of the statement. */
  readonly sid: string;
  readonly actions: readonly TableAction[];
  readonly partitions: readonly Partitions[];
}

/** The actions that only read. */
export const READ_ACTIONS: readonly TableAction[] = ['GetItem', 'BatchGetItem', 'Query'];
/** The actions of a deletion with a fence: it checks in the table that the lease is still held. */
const FENCED_DELETE_ACTIONS: readonly TableAction[] = ['ConditionCheckItem', 'DeleteItem'];

const UNFENCED_ACTIONS = TABLE_ACTIONS.filter((action) => !FENCED_DELETE_ACTIONS.includes(action));

/** The partitions with the headers of snapshots, and the leases of exports, of these pools. */
export const poolPartitions = (pools: readonly string[]): Partitions => ({
  kinds: ['POOL'],
  keys: pools.map((pool) => `POOL#${pool}`),
});

/** The partitions with the headers of restores into these pools, and the leases of imports. Only imports write them. */
export const targetPartitions = (pools: readonly string[]): Partitions => ({
  kinds: ['TARGET'],
  keys: pools.map((pool) => `TARGET#${pool}`),
});

/** The partitions with the user records of these pools. */
export const userPartitions = (pools: readonly string[]): Partitions => ({
  kinds: ['USER'],
  keys: pools.map((pool) => `USER#${pool}#*`),
});

/** The partitions with the records of groups, settings and configurations of these pools. */
export const configurationPartitions = (pools: readonly string[]): Partitions => ({
  kinds: ['CONF'],
  keys: pools.map((pool) => `CONF#${pool}`),
});

/** The partitions with the units and pages of all snapshots. Their keys name a run, not a pool. */
export const SNAPSHOT_PARTITIONS: Partitions = { kinds: ['SNAP'], keys: ['SNAP#*'] };

/** The partitions with the ledgers and sub maps of all restores. Their keys name a run, too. */
export const RESTORE_PARTITIONS: Partitions = { kinds: ['RESTORE', 'RESTORE#HOLDS'], keys: ['RESTORE#*'] };

/** The partitions with the selections that operators have stored. Their keys are random. No function writes them. */
export const SELECTION_PARTITIONS: Partitions = { kinds: ['SELECTION'], keys: ['SELECTION#*'] };

/** The partitions with the holds of all restores on snapshots. */
const HOLD_PARTITIONS: Partitions = { kinds: ['RESTORE#HOLDS'], keys: ['RESTORE#HOLDS#*'] };

/**
 * The permission for the recorded actions of a function on these partitions. `within` limits it to some
 * actions.
 */
export function tableGrant(
  sid: string,
  name: FunctionName,
  partitions: readonly Partitions[],
  within: readonly TableAction[] = TABLE_ACTIONS,
): TableGrant {
  const { dynamodb } = OPERATIONS.functions[name];
  const recorded = new Set(partitions.flatMap(({ kinds }) => kinds.flatMap((kind) => dynamodb[kind] ?? [])));
  return { sid, actions: TABLE_ACTIONS.filter((action) => recorded.has(action) && within.includes(action)), partitions };
}

/** The permissions for these actions in all partitions of each kind. Actions on the same kinds share a statement. */
export function grantsOnKinds(rights: readonly TableRights[]): TableGrant[] {
  const byKinds = new Map<string, TableAction[]>();
  for (const action of TABLE_ACTIONS) {
    const kinds = new Set(
      rights.flatMap((byKind) =>
        Object.entries(byKind)
          .filter(([, actions]) => actions.includes(action))
          .map(([kind]) => kind as PartitionKind),
      ),
    );
    // The pattern RESTORE#* matches the partitions RESTORE#HOLDS#*, too.
    const named = [...kinds].filter((kind) => kind !== 'RESTORE#HOLDS' || !kinds.has('RESTORE')).sort();
    if (named.length > 0) {
      byKinds.set(named.join(), [...(byKinds.get(named.join()) ?? []), action]);
    }
  }
  return [...byKinds].map(([joined, actions]) => {
    const kinds = joined.split(',') as PartitionKind[];
    return { sid: actions.join('And'), actions, partitions: [{ kinds, keys: kinds.map((kind) => `${kind}#*`) }] };
  });
}

/**
 * The permissions of a removal. It deletes the pages of snapshots that no rule keeps, and the records that only those
 * snapshots use. It looks for the parts of these records. It checks the lease of the pool in the same transactions. It
 * looks up the leases of imports into any pool, because an import that is at work needs its snapshot.
 */
export const removalGrants = (pools: readonly string[]): TableGrant[] => [
  tableGrant('MarkAndRemoveHeaders', 'removal', [poolPartitions(pools)], UNFENCED_ACTIONS),
  tableGrant('RemovePages', 'removal', [SNAPSHOT_PARTITIONS], UNFENCED_ACTIONS),
  tableGrant('RemoveHolds', 'removal', [HOLD_PARTITIONS], UNFENCED_ACTIONS),
  tableGrant('FindImportsAtWork', 'removal', [targetPartitions(['*'])], READ_ACTIONS),
  // A list names the records of a configuration. The keys of their parts do not follow from the key of the record.
  tableGrant('ReadConfigurations', 'removal', [configurationPartitions(pools)], READ_ACTIONS),
  tableGrant('FindPartsOfRecords', 'removal', [userPartitions(pools)], READ_ACTIONS),
  tableGrant(
    'RemoveRecordsUnderTheLease',
    'removal',
    [poolPartitions(pools), configurationPartitions(pools), userPartitions(pools)],
    FENCED_DELETE_ACTIONS,
  ),
];

/**
 * The permissions of a copy from another account. It adds snapshots of these pools, takes their lease, and takes away marks
 * of removals that have not decided. It deletes nothing.
 */
export const copyGrants = (pools: readonly string[]): TableGrant[] => [
  tableGrant('WriteHeadersUnderTheLease', 'copy', [poolPartitions(pools)]),
  tableGrant('AddPages', 'copy', [SNAPSHOT_PARTITIONS]),
  tableGrant('AddConfigurations', 'copy', [configurationPartitions(pools)]),
  tableGrant('AddRecords', 'copy', [userPartitions(pools)]),
];

/**
 * The permission of finalize to find the header and the lease of a run in any pool. A run may be refused
 * because the settings do not name its pool. Finalize finds no header, and publishes the failure. Headers
 * have only counts and ids.
 */
export const findRunsOfAnyPool = (name: 'exportFinalize' | 'importFinalize'): TableGrant => {
  const partitions = name === 'exportFinalize' ? poolPartitions(['*']) : targetPartitions(['*']);
  return tableGrant('FindRunsOfAnyPool', name, [partitions], READ_ACTIONS);
};

/** Allows the look at the table itself. The call names no partition, so the conditions on partitions refuse it. */
export function describeTable(table: RegionalTable): iam.PolicyStatement {
  return new iam.PolicyStatement({ sid: 'DescribeTable', actions: ['dynamodb:DescribeTable'], resources: [table.tableArn] });
}

/**
 * The statements for these permissions, and for the use of the table's key through DynamoDB.
 *
 * Each request must name its partitions. The condition `ForAllValues` is true for a request without any, so
 * the condition `Null` refuses that request.
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
      conditions: viaService(stack, 'dynamodb'),
    }),
  ];
}
