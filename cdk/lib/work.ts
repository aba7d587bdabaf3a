/** The kinds of work with the command line. Each has a managed policy for the people who do it. */

import { type CommandName, type CommandPermissions, OPERATIONS, type TableRights } from './operations';

/** A kind of work. */
export type Work = 'viewer' | 'operator' | 'pruner' | 'copier' | 'configurator';

/** What a kind of work is for, and its commands. No policy repeats another one: a person can have several. */
export const WORK: Readonly<Record<Work, { readonly does: string; readonly commands: readonly CommandName[] }>> = {
  viewer: {
    does: 'sees runs, snapshots and sub maps, and compares pools with snapshots',
    commands: ['snapshots', 'status', 'sub-map', 'verify', 'pool show', 'pool diff'],
  },
  operator: { does: 'starts exports and imports, and stops them', commands: ['export', 'import'] },
  pruner: { does: 'removes snapshots', commands: ['prune'] },
  copier: {
    does: 'copies snapshots from the table and into it, with their secrets',
    commands: ['copy (source)', 'copy (destination)'],
  },
  configurator: {
    does: 'creates pools and rolls their configuration back, and sees stored secrets',
    commands: ['pool create', 'pool finish', 'pool apply', 'pool show --secrets'],
  },
};

/** The commands that call no AWS. */
export const COMMANDS_WITHOUT_CALLS: readonly CommandName[] = ['completions', 'man'];

/** The commands that need several policies. */
export const COMBINED_COMMANDS: Readonly<Partial<Record<CommandName, readonly Work[]>>> = {
  'import --into new:': ['viewer', 'operator', 'configurator'],
};

/** The state machines whose executions commands start or read. */
export const MACHINES = ['export', 'import'] as const;

/** What no command calls, and the guide does with the AWS CLI: an operator stops a run. */
export const STOP_EXECUTION = 'StopExecution';

/** What a kind of work calls: the calls of all its commands. */
export class Calls {
  private readonly permissions: readonly CommandPermissions[];

  constructor(commands: readonly CommandName[]) {
    this.permissions = commands.map((command) => OPERATIONS.commands[command]);
  }

  get table(): readonly TableRights[] {
    return this.permissions.map(({ dynamodb }) => dynamodb);
  }

  get describesTable(): boolean {
    return this.permissions.some(({ table }) => table.length > 0);
  }

  /** The operations on a state machine and its executions. */
  on(machine: (typeof MACHINES)[number]): string[] {
    return this.all(({ states }) => states[machine]);
  }

  cognito(): string[] {
    return this.all((permissions) => permissions['cognito-idp']);
  }

  /** The operations on the keys of this kind. */
  keys(kind: keyof CommandPermissions['kms']): string[] {
    return this.all(({ kms }) => kms[kind]);
  }

  private all(select: (permissions: CommandPermissions) => readonly string[]): string[] {
    return [...new Set(this.permissions.flatMap(select))].sort();
  }
}
