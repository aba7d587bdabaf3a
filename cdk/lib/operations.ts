/**
 * The calls of each function and of each command, read from `statemachines/operations.json`. Rust tests run the steps and
 * the commands, record every call, and fail if the file differs. The roles of functions and the policies for people get
 * their permissions from this file only.
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

/**
 * The commands of the command line. A copy has two ends, which may be in two accounts. `import --into new:` and `pool show
 * --secrets` need more than the same commands without these options.
 */
export type CommandName =
  | 'completions'
  | 'copy (destination)'
  | 'copy (source)'
  | 'export'
  | 'import'
  | 'import --into new:'
  | 'man'
  | 'pool apply'
  | 'pool create'
  | 'pool diff'
  | 'pool finish'
  | 'pool show'
  | 'pool show --secrets'
  | 'prune'
  | 'snapshots'
  | 'status'
  | 'sub-map'
  | 'verify';

/** The DynamoDB actions on items, in the order of the statements. */
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

/** The actions on items, by the kind of partition. */
export type TableRights = Readonly<Partial<Record<PartitionKind, readonly TableAction[]>>>;

/** The actions of one function, by service and without the prefix of the service. */
export interface Permissions {
  readonly 'cognito-idp': readonly string[];
  readonly dynamodb: TableRights;
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

/** The actions of one command, by service and without the prefix of the service. */
export interface CommandPermissions {
  readonly 'cognito-idp': readonly string[];
  readonly dynamodb: TableRights;
  /**
   * The actions of DynamoDB on the table's key and of Step Functions on the key of runs, for the caller, and those of the
   * command itself on the keys for the secrets of configurations.
   */
  readonly kms: {
    readonly configuration: readonly string[];
    readonly runs: readonly string[];
    readonly table: readonly string[];
  };
  /** The actions on each state machine and its executions. */
  readonly states: { readonly export: readonly string[]; readonly import: readonly string[] };
  /** `GetCallerIdentity` needs no permission. The roles to assume belong to other accounts. */
  readonly sts: readonly string[];
  /** The actions on the table itself. */
  readonly table: readonly string[];
}

/** The content of the file. */
export interface Operations {
  readonly commands: Readonly<Record<CommandName, CommandPermissions>>;
  readonly functions: Readonly<Record<FunctionName, Permissions>>;
  /** The namespace and the dimensions of all metrics. */
  readonly metrics: { readonly namespace: string; readonly dimensions: readonly string[] };
}

/** The calls of all functions and commands. */
export const OPERATIONS: Operations = JSON.parse(readFileSync(join(WORKSPACE, 'statemachines', 'operations.json'), 'utf8'));
