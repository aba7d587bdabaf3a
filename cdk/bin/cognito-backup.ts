import { App } from 'aws-cdk-lib';

import { deploy } from '../lib/deployment';
import { EXAMPLE, useExample } from '../lib/example';
import { FunctionCode, FunctionsError } from '../lib/function-code';
import { SettingsError, readSettings } from '../lib/settings';

try {
  const app = new App();
  if (useExample(app)) {
    process.stderr.write(
      `UserPoolIds is not set, so this is an example for ${EXAMPLE.UserPoolIds.join(' and ')}. You cannot deploy it.\n`,
    );
    deploy(app, FunctionCode.placeholders(readSettings(app.node.getAllContext()).architecture));
  } else {
    deploy(app);
  }
} catch (error) {
  // The operator can correct these errors without a stack trace.
  if (!(error instanceof SettingsError || error instanceof FunctionsError)) {
    throw error;
  }
  process.stderr.write(`\n${error.message}\n\n`);
  process.exit(1);
}
