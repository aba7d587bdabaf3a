import { App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

import { FunctionCode } from './function-code';
import { PrimaryStack } from './primary.stack';
import { SecondaryKeyStack } from './secondary-key.stack';
import { SecondaryStack } from './secondary.stack';
import { Settings, readSettings } from './settings';

/** The stacks of a deployment, in the order of their deployment. */
export interface Deployment {
  readonly settings: Settings;
  /** In the secondary Region: the key of the replica. */
  readonly secondaryKey: SecondaryKeyStack;
  /** In the primary Region: the table, the exports and imports. */
  readonly primary: PrimaryStack;
  /** In the secondary Region: imports from the replica. */
  readonly secondary: SecondaryStack;
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

  const secondaryKey = new SecondaryKeyStack(app, `${settings.name}-secondary-key`, settings, secondaryProps);
  const primary = new PrimaryStack(app, settings.name, settings, functions, primaryProps);
  primary.addStackDependency(secondaryKey, 'the replica needs its key');
  const secondary = new SecondaryStack(app, `${settings.name}-secondary`, settings, functions, secondaryKey.key, secondaryProps);
  secondary.addStackDependency(primary, 'imports read the replica');

  Object.entries(tags).forEach(([key, value]) => Tags.of(app).add(key, value));
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { settings, secondaryKey, primary, secondary };
}
