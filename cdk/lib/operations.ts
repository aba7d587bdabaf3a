/**
 * What each function calls, as `statemachines/operations.json` says. A Rust test runs the steps, records every call, and fails if the
 * file says anything else. The roles are made from it; nothing else here knows what the functions do.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { WORKSPACE } from './function-code';

/**
 * The functions, by the role that each has. `exportRetention` is what finalize of an export calls beyond `exportFinalize` if there is a
 * retention.
 */
export type FunctionName =
  'exportEnumerate' | 'exportPage' | 'exportFinalize' | 'exportRetention' | 'importEnumerate' | 'importPage' | 'importFinalize';

/** The DynamoDB actions that functions take, in the order in which statements list them. */
export const TABLE_ACTIONS = [
  'GetItem',
  'BatchGetItem',
  'Query',
  'PutItem',
  'BatchWriteItem',
  'ConditionCheckItem',
  'DeleteItem',
] as const;

/** A DynamoDB action. */
export type TableAction = (typeof TABLE_ACTIONS)[number];

/** The kinds of partitions: what the partition keys begin with. */
export type PartitionKind = 'CONF' | 'POOL' | 'RESTORE' | 'RESTORE#HOLDS' | 'SNAP' | 'USER';

/** The actions of one function, by service and without its prefix. */
export interface Rights {
  readonly 'cognito-idp': readonly string[];
  /** By the kind of partition that the items are in. */
  readonly dynamodb: Readonly<Partial<Record<PartitionKind, readonly TableAction[]>>>;
  /** What DynamoDB and SNS do with the function's rights on the keys of the table and the topic. */
  readonly kms: { readonly table: readonly string[]; readonly topic: readonly string[] };
  /** On the logs of import jobs. */
  readonly logs: readonly string[];
  readonly sns: readonly string[];
  /** The metrics that it writes to its own log. They need no right. */
  readonly metrics: readonly string[];
}

/** The whole file. */
export interface Operations {
  readonly functions: Readonly<Record<FunctionName, Rights>>;
  /** How CloudWatch finds the metrics. */
  readonly metrics: { readonly namespace: string; readonly dimensions: readonly string[] };
}

/** What the functions call. */
export const OPERATIONS: Operations = JSON.parse(readFileSync(join(WORKSPACE, 'statemachines', 'operations.json'), 'utf8'));
