import { App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

import { FunctionCode } from './function-code';
import { PrimaryStack } from './primary.stack';
import { SecondaryKeyStack } from './secondary-key.stack';
import { SecondaryStack } from './secondary.stack';
import { Settings, readSettings } from './settings';

/** The stacks of a deployment, in the order in which they are deployed. */
export interface Deployment {
  /** The settings that they were made with. */
  readonly settings: Settings;
  /** The key of the replica. */
  readonly secondaryKey: SecondaryKeyStack;
  /** The Region of the pools. */
  readonly primary: PrimaryStack;
  /** The Region of the replica. */
  readonly secondary: SecondaryStack;
}

/**
 * Puts a deployment together from the context of `app`, and has it checked against the rules of cdk-nag's AwsSolutions.
 *
 * @param code the functions; where `Functions` says they come from, if not given
 * @throws SettingsError, FunctionsError
 */
export function deploy(app: App, code?: FunctionCode): Deployment {
  const settings = readSettings(app.node.getAllContext());
  const functions = code ?? new FunctionCode(settings.functions, settings.architecture);
  const account = process.env.CDK_DEFAULT_ACCOUNT;
  const primaryEnv = { account, region: settings.primaryRegion };
  const secondaryEnv = { account, region: settings.secondaryRegion };

  const secondaryKey = new SecondaryKeyStack(app, `${settings.name}-secondary-key`, settings, { env: secondaryEnv });
  const primary = new PrimaryStack(app, settings.name, settings, functions, { env: primaryEnv });
  primary.addStackDependency(secondaryKey, 'the table is replicated to a Region where its key has to be');
  const secondary = new SecondaryStack(app, `${settings.name}-secondary`, settings, functions, secondaryKey.key, {
    env: secondaryEnv,
  });
  secondary.addStackDependency(primary, 'imports read the replica');

  Tags.of(app).add('application', settings.name);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { settings, secondaryKey, primary, secondary };
}
