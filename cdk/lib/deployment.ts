import { Annotations, App, StackProps, Tags, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { AwsSolutionsChecks } from 'cdk-nag';

import { AccessLogStack } from './access-log.stack';
import { codeSourceOf, firstExportOf, hasNewReplicaIn, isProtectedIn, replicaKeyIn } from './context';
import { FunctionCode } from './function-code';
import { stackNames } from './names';
import { RunsStack } from './runs.stack';
import { SecondaryKeyStack } from './secondary-key.stack';
import { SecondaryWatchStack } from './secondary-watch.stack';
import { SecondaryStack } from './secondary.stack';
import { type SettingValues, Settings, readSettings } from './settings';
import { StorageStack } from './storage.stack';
import { VaultStack } from './vault.stack';
import { WatchStack } from './watch.stack';

/** The stacks of a deployment. Each has one lifetime: what must stay, the code, and what watches it. */
export interface Deployment {
  readonly settings: Settings;
  /** In the primary Region: the table and its keys. */
  readonly storage: StorageStack;
  /** In the primary Region: the exports and imports. */
  readonly runs: RunsStack;
  /** In the primary Region: alarms and dashboard. */
  readonly watch: WatchStack;
  /** In the primary Region: the vault with backups of the table. Undefined if no vault is wanted. */
  readonly vault?: VaultStack;
  /** In the primary Region: the log of reads and writes. Undefined if none is wanted. */
  readonly accessLog?: AccessLogStack;
  /** In the secondary Region: the key of the replica. Undefined without such a Region, as the next two. */
  readonly secondaryKey?: SecondaryKeyStack;
  /** In the secondary Region: imports from the replica. */
  readonly secondary?: SecondaryStack;
  /** In the secondary Region: alarms. */
  readonly secondaryWatch?: SecondaryWatchStack;
}

/**
 * Adds the stacks of a deployment to `app`. cdk-nag checks them against its AwsSolutions rules.
 *
 * @param values the settings, by name
 * @param code the code of the functions. By default, the context of the app says where it comes from.
 * @throws SettingsError, FunctionsError
 */
export function deploy(app: App, values: SettingValues, code?: FunctionCode): Deployment {
  const ofFile = readSettings(values);
  const settings = {
    ...ofFile,
    firstExport: firstExportOf(app),
    isProtected: isProtectedIn(app),
    hasNewReplica: hasNewReplicaIn(app),
    replicaKeyArn: replicaKeyIn(app, ofFile.secondaryRegion),
  };
  const functions = code ?? new FunctionCode(codeSourceOf(app), settings.architecture);
  const account = process.env.CDK_DEFAULT_ACCOUNT;
  // `Tags.of` tags the resources only. CloudFormation shows the stacks with these tags.
  const tags = { ...settings.tags, application: settings.name };
  const primaryProps = { env: { account, region: settings.primaryRegion }, tags };

  const names = stackNames(settings.name);
  const storage = new StorageStack(app, names.storage, settings, {
    ...primaryProps,
    terminationProtection: settings.isProtected,
  });
  const runs = new RunsStack(app, names.runs, settings, functions, storage, primaryProps);
  runs.addStackDependency(storage, 'exports write to the table');
  const watch = new WatchStack(app, names.watch, settings, storage, primaryProps);
  watch.addStackDependency(runs, 'alarms publish to the topic');
  const vault = addVault(app, settings, storage, runs, primaryProps);
  const accessLog = settings.accessLogging
    ? new AccessLogStack(app, names.accessLog, settings, { ...primaryProps, terminationProtection: settings.isProtected })
    : undefined;
  const primary = { settings, storage, runs, watch, ...(vault && { vault }), ...(accessLog && { accessLog }) };

  Object.entries(tags).forEach(([key, value]) => Tags.of(app).add(key, value));
  if (settings.permissionsBoundary !== undefined) {
    // Also for the roles that the CDK makes, such as those of custom resources.
    const boundary = iam.ManagedPolicy.fromManagedPolicyArn(storage, 'PermissionsBoundary', settings.permissionsBoundary);
    iam.PermissionsBoundary.of(app).apply(boundary);
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  if (settings.secondaryRegion === undefined) {
    warnOfOneRegion(settings, storage);
    return primary;
  }
  const props = { env: { account, region: settings.secondaryRegion }, tags };
  return { ...primary, ...addSecondaryStacks(app, settings, functions, storage, props) };
}

function addVault(
  app: App,
  settings: Settings,
  storage: StorageStack,
  runs: RunsStack,
  props: StackProps,
): VaultStack | undefined {
  if (settings.backupVaultRetentionDays === undefined) {
    return undefined;
  }
  const vault = new VaultStack(app, stackNames(settings.name).vault, settings, settings.backupVaultRetentionDays, storage, {
    ...props,
    terminationProtection: settings.isProtected,
  });
  vault.addStackDependency(runs, 'its rules publish to the topic');
  return vault;
}

function addSecondaryStacks(app: App, settings: Settings, functions: FunctionCode, storage: StorageStack, props: StackProps) {
  const names = stackNames(settings.name);
  const secondaryKey = new SecondaryKeyStack(app, names.secondaryKey, settings, {
    ...props,
    terminationProtection: settings.isProtected,
  });
  storage.addStackDependency(secondaryKey, 'the replica needs its key');
  const secondary = new SecondaryStack(app, names.secondary, settings, functions, secondaryKey.key, props);
  secondary.addStackDependency(storage, 'imports read the replica');
  const secondaryWatch = new SecondaryWatchStack(app, names.secondaryWatch, settings, secondaryKey, props);
  secondaryWatch.addStackDependency(secondary, 'alarms publish to the topic');
  return { secondaryKey, secondary, secondaryWatch };
}

function warnOfOneRegion({ primaryRegion }: Settings, storage: StorageStack): void {
  Annotations.of(storage).addWarningV2(
    'cognito-backup:one-region',
    `SecondaryRegion is none, so the backup is in ${primaryRegion} only. If AWS loses that Region, it loses pools and backup. Name a second Region before you rely on the backup.`,
  );
}
