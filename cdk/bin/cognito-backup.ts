import { App } from 'aws-cdk-lib';

import { deploy } from '../lib/deployment';
import { FunctionsError } from '../lib/function-code';
import { SettingsError } from '../lib/settings';

try {
  deploy(new App());
} catch (error) {
  // What a person can put right is told without a stack trace.
  if (!(error instanceof SettingsError || error instanceof FunctionsError)) {
    throw error;
  }
  process.stderr.write(`\n${error.message}\n\n`);
  process.exit(1);
}
