/**
 * The calls of each function, read from `statemachines/operations.json`. A Rust test runs the steps, records
 * every call, and fails if the file differs. The roles get their permissions from this file only.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { WORKSPACE } from './function-code';

/**
 * The functions. `exportCapture` has the additional calls of the page function of exports if they capture the
 * configuration. Each of the others has its own role. `removal` and `copy` are the executable of finalize,
 * deployed again.
 */
export type FunctionName =
  | 'exportCapture'
  | 'exportEnumerate'
  | 'exportPage'
  | 'exportFinalize'
  | 'importEnumerate'
  | 'importPage'
  | 'importFinalize'
  | 'removal'
  | 'copy';

/** The DynamoDB actions of the functions, in the order of the statements. */
export const TABLE_ACTIONS = [
  'GetItem',
  'BatchGetItem',
  'Query',
  'PutItem',
  'PartiQLInsert',
  'UpdateItem',
  'BatchWriteItem',
  'ConditionCheckItem',
  'DeleteItem',
] as const;

export type TableAction = (typeof TABLE_ACTIONS)[number];

/** The kind of a partition: the beginning of its key. */
export type PartitionKind = 'CONF' | 'POOL' | 'RESTORE' | 'RESTORE#HOLDS' | 'SELECTION' | 'SNAP' | 'TARGET' | 'USER';

/** The actions of one function, by service and without the prefix of the service. */
export interface Permissions {
  readonly 'cognito-idp': readonly string[];
  /** By the kind of partition. */
  readonly dynamodb: Readonly<Partial<Record<PartitionKind, readonly TableAction[]>>>;
  /**
   * The actions of DynamoDB on the table's key and of SNS on the topic's key, for this function, and its own actions on
   * the keys for the secrets of configurations.
   */
  readonly kms: {
    readonly configuration: readonly string[];
    readonly table: readonly string[];
    readonly topic: readonly string[];
  };
  /** The actions on the default event bus. */
  readonly events: readonly string[];
  /** The actions on the logs of import jobs. */
  readonly logs: readonly string[];
  readonly sns: readonly string[];
  /** The actions on the parameter for heartbeats. */
  readonly ssm: readonly string[];
  /** The metrics that the function writes to its own log. They need no permission. */
  readonly metrics: readonly string[];
}

/** The content of the file. */
export interface Operations {
  readonly functions: Readonly<Record<FunctionName, Permissions>>;
  /** The namespace and the dimensions of all metrics. */
  readonly metrics: { readonly namespace: string; readonly dimensions: readonly string[] };
}

/** The calls of all functions. */
export const OPERATIONS: Operations = JSON.parse(readFileSync(join(WORKSPACE, 'statemachines', 'operations.json'), 'utf8'));
