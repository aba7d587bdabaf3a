import { App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

import { FunctionCode } from './function-code';
import { stackNames } from './names';
import { RunsStack } from './runs.stack';
import { SecondaryKeyStack } from './secondary-key.stack';
import { SecondaryWatchStack } from './secondary-watch.stack';
import { SecondaryStack } from './secondary.stack';
import { Settings, readSettings } from './settings';
import { StorageStack } from './storage.stack';
import { VaultStack } from './vault.stack';
import { WatchStack } from './watch.stack';

/** The stacks of a deployment. Each has one lifetime: what must stay, the code, and what watches it. */
export interface Deployment {
  readonly settings: Settings;
  /** In the secondary Region: the key of the replica. */
  readonly secondaryKey: SecondaryKeyStack;
  /** In the primary Region: the table and its keys. */
  readonly storage: StorageStack;
  /** In the primary Region: the exports and imports. */
  readonly runs: RunsStack;
  /** In the primary Region: alarms and dashboard. */
  readonly watch: WatchStack;
  /** In the primary Region: the vault with backups of the table. Undefined if no vault is wanted. */
  readonly vault?: VaultStack;
  /** In the secondary Region: imports from the replica. */
  readonly secondary: SecondaryStack;
  /** In the secondary Region: alarms. */
  readonly secondaryWatch: SecondaryWatchStack;
}

/**
 * Adds the stacks of a deployment to `app`, with the settings in its context. cdk-nag checks them against its
 * AwsSolutions rules.
 *
 * @param code the code of the functions. By default, the setting `Functions` says where it comes from.
 * @throws SettingsError, FunctionsError
 */
export function deploy(app: App, code?: FunctionCode): Deployment {
  const settings = readSettings(app.node.getAllContext());
  const functions = code ?? new FunctionCode(settings.functions, settings.architecture);
  const account = process.env.CDK_DEFAULT_ACCOUNT;
  // `Tags.of` tags the resources only. CloudFormation shows the stacks with these tags.
  const tags = { application: settings.name };
  const primaryProps = { env: { account, region: settings.primaryRegion }, tags };
  const secondaryProps = { env: { account, region: settings.secondaryRegion }, tags };

  const names = stackNames(settings.name);
  const secondaryKey = new SecondaryKeyStack(app, names.secondaryKey, settings, secondaryProps);
  const storage = new StorageStack(app, names.storage, settings, primaryProps);
  storage.addStackDependency(secondaryKey, 'the replica needs its key');
  const runs = new RunsStack(app, names.runs, settings, functions, storage, primaryProps);
  runs.addStackDependency(storage, 'exports write to the table');
  const watch = new WatchStack(app, names.watch, settings, storage, primaryProps);
  watch.addStackDependency(runs, 'alarms publish to the topic');
  const { backupVaultRetentionDays: vaultDays } = settings;
  const vault = vaultDays && new VaultStack(app, names.vault, settings, vaultDays, storage, primaryProps);
  const secondary = new SecondaryStack(app, names.secondary, settings, functions, secondaryKey.key, secondaryProps);
  secondary.addStackDependency(storage, 'imports read the replica');
  const secondaryWatch = new SecondaryWatchStack(app, names.secondaryWatch, settings, secondaryKey, secondaryProps);
  secondaryWatch.addStackDependency(secondary, 'alarms publish to the topic');

  Object.entries(tags).forEach(([key, value]) => Tags.of(app).add(key, value));
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { settings, secondaryKey, storage, runs, watch, ...(vault && { vault }), secondary, secondaryWatch };
}
