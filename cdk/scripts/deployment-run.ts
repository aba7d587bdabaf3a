/**
 * A deployment from the settings to the protected table. What it does to AWS and to the terminal comes from outside, so
 * that a test can follow it.
 */

import { CONTEXT_NAMES } from '../lib/context';
import { stackNames } from '../lib/names';
import type { Settings } from '../lib/settings';
import { effectiveSettings } from '../lib/settings/effective';
import { NO_REGION } from '../lib/settings/regions';
import type { Cloud } from './cloud';
import { type RecordedSettings, changes, conflicts, poolChanges, removalWarning } from './comparison';

/**
 * The time from the start of the CDK to the next scheduled exports, in minutes. The table needs some minutes, and the
 * schedule has to wait ten more, until IAM knows the new permissions everywhere. EventBridge Scheduler refuses a start
 * that is over five minutes ago.
 *
 * Every deployment sets a start. Without one, CloudFormation would remove that of the deployment before, and a rate
 * without a start begins at once.
 */
const NEXT_EXPORT_AFTER = 30;

/** The statuses of a stack that no deployment has completed. The CDK deletes it and creates it again. */
const NEVER_COMPLETE = ['CREATE_FAILED', 'REVIEW_IN_PROGRESS', 'ROLLBACK_COMPLETE', 'ROLLBACK_FAILED', 'DELETE_COMPLETE'];

/** Arguments of the CDK that this command gives itself, or with which it could not say what was deployed. */
const OWN_ARGUMENTS = /^(--profile|--role-arn|-r|--method|-m|--no-execute|--execute|--all|--exclusively|-e)(=|$)/;

/** What a deployment needs from outside. */
export interface Surroundings {
  readonly cloud: Cloud;
  /** Builds the functions. Throws if that fails. */
  readonly build: () => void;
  /** Runs the CDK's command line, and returns its exit code. */
  readonly cdk: (arguments_: readonly string[]) => Promise<number>;
  /** Asks the operator, who may say no. */
  readonly ask: (question: string) => Promise<boolean>;
  readonly print: (line: string) => void;
  readonly now: () => Date;
}

/** What the operator asked for. */
export interface Request {
  readonly settings: Settings;
  /** The file with the settings. */
  readonly file: string;
  /** `--profile`: the profile of the AWS configuration. */
  readonly profile?: string;
  /** `--yes`: neither this command nor the CDK asks anything. */
  readonly asksNothing: boolean;
  /** More arguments for the CDK's command line. */
  readonly cdkArguments: readonly string[];
}

/** A deployment that has ended without reaching its end. */
export class DeploymentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DeploymentError';
  }
}

/**
 * Deploys.
 *
 * @throws DeploymentError with the next step
 */
export async function runDeployment(request: Request, surroundings: Surroundings): Promise<void> {
  const { settings } = request;
  const { cdk, print } = surroundings;
  refuseOwnArguments(request.cdkArguments);
  const before = await compare(request, surroundings);
  surroundings.build();
  // After the question and the build, so that the answer is new.
  const hasTable = await tableExists(request, surroundings);
  const context = [`${CONTEXT_NAMES.config}=${request.file}`, `${CONTEXT_NAMES.functions}=BUILT`];
  if (settings.userPoolIds.length > 0) {
    const next = new Date(surroundings.now().getTime() + NEXT_EXPORT_AFTER * 60_000);
    context.push(`${CONTEXT_NAMES.firstExport}=${next.toISOString()}`);
  }
  const deploy = (what: readonly string[], values: readonly string[], others: readonly string[]) =>
    cdk([
      'deploy',
      ...what,
      ...values.flatMap((value) => ['--context', value]),
      ...(request.profile === undefined ? [] : ['--profile', request.profile]),
      ...(request.asksNothing ? ['--require-approval', 'never'] : []),
      ...others,
    ]);
  // A new table is protected last, so that its deployment can be repeated. An older one stays protected, but the policy
  // of its new replica comes last.
  const addsReplica = hasTable && before?.SecondaryRegion === NO_REGION && settings.secondaryRegion !== undefined;
  const later = [
    ...(hasTable ? [] : [`${CONTEXT_NAMES.protected}=OFF`]),
    ...(addsReplica && settings.breakGlassRole !== undefined ? [`${CONTEXT_NAMES.newReplica}=YES`] : []),
  ];
  const exitCode = await deploy(['--all'], [...context, ...later], request.cdkArguments);
  if (exitCode !== 0) {
    throw new DeploymentError(
      `The CDK has not deployed all stacks: see its messages above.${hasTable ? '' : ' The table, if it exists, is not protected from deletion yet.'} Repair the reason, and run npm run deploy again. See also docs/guides/deploy.md, "When it does not deploy".`,
    );
  }
  if (later.length === 0) {
    return;
  }
  const names = stackNames(settings.name);
  print(`Protecting the table ${settings.name} ...`);
  const stacks = [
    ...(settings.secondaryRegion === undefined ? [] : [names.secondaryKey]),
    names.storage,
    ...(settings.backupVaultRetentionDays === undefined ? [] : [names.vault]),
    ...(settings.accessLogging ? [names.accessLog] : []),
  ];
  if ((await deploy([...stacks, '--exclusively'], context, withoutOutputs(request.cdkArguments))) !== 0) {
    throw new DeploymentError(
      `All stacks of ${settings.name} are deployed, but not all are protected: see the messages of the CDK above. Run npm run deploy again, which repeats only what is missing.`,
    );
  }
  print('The table and the stacks of what must stay are protected.');
}

/** Refuses arguments for the CDK that would make the comparison or the last line of the output untrue. */
function refuseOwnArguments(arguments_: readonly string[]): void {
  const isOwn = (argument: string) =>
    OWN_ARGUMENTS.test(argument) || Object.values(CONTEXT_NAMES).some((name) => argument.startsWith(`${name}=`));
  const refused = arguments_.find(isOwn);
  if (refused !== undefined) {
    throw new DeploymentError(
      `npm run deploy does not pass ${refused} on to the CDK. A profile goes before the second --: npm run deploy -- --profile NAME. For everything else, use npx cdk deploy.`,
    );
  }
}

/** Whether an earlier deployment has created the table. */
async function tableExists({ settings }: Pick<Request, 'settings'>, { cloud }: Pick<Surroundings, 'cloud'>): Promise<boolean> {
  const stack = stackNames(settings.name).storage;
  const status = await cloud.stackStatus(settings.primaryRegion, stack);
  if (status === undefined || NEVER_COMPLETE.includes(status)) {
    return false;
  }
  if (status.endsWith('_IN_PROGRESS')) {
    throw new DeploymentError(
      `The stack ${stack} has the status ${status}: another deployment works on it. Wait for its end, and run npm run deploy again.`,
    );
  }
  return true;
}

/** Compares the settings with the deployed ones, shows the difference, and asks. Returns the deployed ones. */
async function compare(
  { settings, asksNothing }: Request,
  { cloud, ask, print }: Surroundings,
): Promise<RecordedSettings | undefined> {
  const { name, primaryRegion, secondaryRegion } = settings;
  const account = await cloud.account(primaryRegion);
  const deployed = await cloud.recordedSettings(primaryRegion);
  const wanted = effectiveSettings(settings);
  const refusals = conflicts(wanted, deployed);
  if (refusals.length > 0) {
    throw new DeploymentError(refusals.join('\n'));
  }
  const before = deployed.get(name);
  const pools = poolChanges(before, wanted);

  print(`Deployment ${name} in account ${account}, ${[primaryRegion, secondaryRegion ?? []].flat().join(' and ')}`);
  if (before === undefined) {
    print('This account has no settings of this deployment yet.');
    // A deployment of an earlier version has recorded none, and neither has one whose table came back by `cdk import`.
    if (await tableExists({ settings }, { cloud })) {
      [removalWarning({}, wanted)].flatMap((warning) => warning ?? []).forEach(print);
    }
  } else {
    const lines = changes(before, wanted);
    print(lines.length === 0 ? 'The settings are the deployed ones.' : 'Changes of the deployed settings:');
    lines.forEach((line) => print(`  ${line}`));
    [removalWarning(before, wanted)].flatMap((warning) => warning ?? []).forEach(print);
    pools.removed.forEach((pool) => print(`Exports of ${pool} end. Its snapshots stay.`));
  }
  if (!asksNothing && !(await ask('Deploy?'))) {
    throw new DeploymentError('Nothing is deployed.');
  }
  return before;
}

/** The arguments without the file of outputs. The CDK would replace it with the outputs of some stacks. */
function withoutOutputs(arguments_: readonly string[]): readonly string[] {
  const isFile = (index: number) => /^(-O|--outputs-file)$/.test(arguments_[index] ?? '');
  return arguments_.filter((argument, index) => !isFile(index) && !isFile(index - 1) && !/^--outputs-file=/.test(argument));
}
