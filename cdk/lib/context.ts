/**
 * The context values that the app reads: how a command runs, not what it deploys. Settings are in a file, because the
 * CDK's command line also keeps its own values in the context, and empties it on request.
 */

import type { App } from 'aws-cdk-lib';

import { CODE_SOURCES, type CodeSource } from './function-code';
import { SETTING_NAMES, SettingsError } from './settings';

/** The names of the context values. The npm scripts give most of them. */
export const CONTEXT_NAMES = {
  /** Which file has the settings: `prod` for `config/prod.yaml`, or the path of a file. */
  config: 'config',
  /** Where the code of the functions comes from. */
  functions: 'cognito-backup:functions',
  /** `YES`: without settings, the example is used. */
  example: 'cognito-backup:example',
  /** When a new schedule first fires, in ISO 8601. */
  firstExport: 'cognito-backup:firstExport',
  /** `OFF`: the table and the stacks of what must stay can be deleted. */
  protected: 'cognito-backup:protected',
  /** `YES`: the deployment adds the replica to a table that exists, so the policy of the replica waits for the next one. */
  newReplica: 'cognito-backup:newReplica',
  /** The ARN of the replica's key, for `cdk import`. */
  replicaKey: 'cognito-backup:replicaKey',
} as const;

/**
 * Where the code of the functions comes from. By default, they are built.
 *
 * @throws SettingsError
 */
export function codeSourceOf(app: App): CodeSource {
  const value = app.node.tryGetContext(CONTEXT_NAMES.functions) ?? 'BUILT';
  const source = CODE_SOURCES.find((word) => word === value);
  if (source === undefined) {
    throw wrongValue(CONTEXT_NAMES.functions, value, `Use one of ${CODE_SOURCES.join(', ')}.`);
  }
  return source;
}

/**
 * When a new schedule first fires. Undefined: at once.
 *
 * @throws SettingsError
 */
export function firstExportOf(app: App): Date | undefined {
  const value = app.node.tryGetContext(CONTEXT_NAMES.firstExport);
  if (value === undefined) {
    return undefined;
  }
  const time = new Date(String(value));
  if (Number.isNaN(time.getTime()) || !/^\d{4}-\d\d-\d\dT.*Z$/.test(String(value))) {
    throw wrongValue(CONTEXT_NAMES.firstExport, value, 'Use a time in UTC, such as 2030-01-31T12:00:00Z.');
  }
  return time;
}

/**
 * Whether the table and the stacks of what must stay are protected from deletion. By default, they are.
 *
 * @throws SettingsError
 */
export function isProtectedIn(app: App): boolean {
  const value = app.node.tryGetContext(CONTEXT_NAMES.protected) ?? 'ON';
  if (value !== 'ON' && value !== 'OFF') {
    throw wrongValue(CONTEXT_NAMES.protected, value, 'Use ON or OFF.');
  }
  return value === 'ON';
}

/**
 * Whether the deployment adds the replica to a table that exists.
 *
 * @throws SettingsError
 */
export function hasNewReplicaIn(app: App): boolean {
  const value = app.node.tryGetContext(CONTEXT_NAMES.newReplica) ?? 'NO';
  if (value !== 'YES' && value !== 'NO') {
    throw wrongValue(CONTEXT_NAMES.newReplica, value, 'Use YES or NO.');
  }
  return value === 'YES';
}

/**
 * The ARN of the replica's key. Undefined: the table reads it from the stack of the key.
 *
 * @param region the Region of the replica
 * @throws SettingsError
 */
export function replicaKeyIn(app: App, region: string | undefined): string | undefined {
  const value = app.node.tryGetContext(CONTEXT_NAMES.replicaKey);
  if (value !== undefined && !(/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/.test(value) && value.split(':')[3] === region)) {
    throw wrongValue(
      CONTEXT_NAMES.replicaKey,
      value,
      `Use the ARN of the key in the second Region, such as arn:aws:kms:eu-central-1:111122223333:key/ID. Without a second Region, leave it out.`,
    );
  }
  return value;
}

/**
 * Refuses settings in the context, from where earlier versions read them.
 *
 * @throws SettingsError
 */
export function refuseSettingsInContext(app: App): void {
  const found = SETTING_NAMES.filter((name) => app.node.tryGetContext(name) !== undefined);
  if (found.length > 0) {
    const names = found.join(', ');
    const text = `The context of the CDK has settings: ${names}. Move them from cdk.context.json, cdk.json or --context to config/<name>.yaml.`;
    throw new SettingsError([{ name: names, text }]);
  }
}

function wrongValue(name: string, value: unknown, advice: string): SettingsError {
  const text = `The context value ${name} is ${JSON.stringify(value)}, which is not allowed. ${advice}`;
  return new SettingsError([{ name, text }]);
}
