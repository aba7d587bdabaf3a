import { App } from 'aws-cdk-lib';

import { CONTEXT_NAMES, refuseSettingsInContext } from '../lib/context';
import { deploy } from '../lib/deployment';
import { FunctionCode, FunctionsError } from '../lib/function-code';
import { SettingsError } from '../lib/settings';
import { SettingsFile, chooseSettingsFile, isExample } from '../lib/settings/file';

try {
  const app = new App();
  refuseSettingsInContext(app);
  const path = chooseSettingsFile({
    chosen: app.node.tryGetContext(CONTEXT_NAMES.config) ?? process.env.COGNITO_BACKUP_CONFIG,
    allowsExample: app.node.tryGetContext(CONTEXT_NAMES.example) === 'YES',
  });
  const file = SettingsFile.read(path);
  if (isExample(path)) {
    process.stderr.write('These templates are an example, with the settings of config/example.yaml. You cannot deploy them.\n');
  }
  try {
    deploy(app, file.values, isExample(path) ? FunctionCode.placeholders('x86_64') : undefined);
  } catch (error) {
    throw error instanceof SettingsError ? file.locate(error) : error;
  }
} catch (error) {
  // The operator can correct these errors without a stack trace.
  if (!(error instanceof SettingsError || error instanceof FunctionsError)) {
    throw error;
  }
  process.stderr.write(`\n${error.message}\n\n`);
  process.exit(1);
}
