/**
 * `npm run deploy`: compares the settings with the deployed ones, builds the functions, deploys all stacks, and protects
 * the table.
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';

import { FunctionCode, FunctionsError } from '../lib/function-code';
import { type Settings, SettingsError, readSettings } from '../lib/settings';
import { SettingsFile, chooseSettingsFile } from '../lib/settings/file';
import { Aws } from './cloud';
import { DeploymentError, runDeployment } from './deployment-run';

const USAGE = `Usage: npm run deploy -- [--config NAME] [--yes] [--no-build] [--profile NAME] [-- ARGUMENTS OF cdk deploy]

  --config NAME   read config/NAME.yaml, or the file NAME if it is a path. Default: COGNITO_BACKUP_CONFIG, or the only file
  --yes           ask nothing: neither about the settings nor about permissions
  --no-build      deploy the functions in target/lambda/
  --profile NAME  the profile of the AWS configuration
`;

/** The folder of the CDK app. */
const HOME = join(__dirname, '..');

async function main(): Promise<void> {
  const options = readOptions();
  if (options.profile !== undefined) {
    process.env.AWS_PROFILE = options.profile;
  }
  const chosen = options.config ?? process.env.COGNITO_BACKUP_CONFIG;
  const path = chooseSettingsFile({ chosen, allowsExample: false });
  const settings = settingsOf(path);
  const asksNothing = options.yes ?? false;
  if (!asksNothing && !process.stdin.isTTY) {
    throw new DeploymentError('There is no terminal for questions. Run npm run deploy -- --yes to deploy without them.');
  }
  await runDeployment(
    { settings, file: path, profile: options.profile, asksNothing, cdkArguments: options.cdkArguments },
    {
      cloud: new Aws(),
      build: () => {
        if (!options['no-build']) {
          new FunctionCode('BUILD', settings.architecture);
        }
      },
      cdk: runCdk,
      ask,
      print: (line) => process.stderr.write(`${line}\n`),
      now: () => new Date(),
    },
  );
}

function readOptions() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        config: { type: 'string' },
        yes: { type: 'boolean' },
        'no-build': { type: 'boolean' },
        profile: { type: 'string' },
      },
      allowPositionals: true,
    });
    const dashes = process.argv.indexOf('--');
    const cdkArguments = dashes < 0 ? [] : process.argv.slice(dashes + 1);
    if (positionals.length > cdkArguments.length) {
      throw new Error(`Unexpected argument: ${positionals[0]}`);
    }
    return { ...values, cdkArguments };
  } catch (error) {
    throw new DeploymentError(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
}

function settingsOf(path: string): Settings {
  const file = SettingsFile.read(path);
  try {
    return readSettings(file.values);
  } catch (error) {
    throw error instanceof SettingsError ? file.locate(error) : error;
  }
}

/** Runs the CDK's command line, which shows its output and asks its questions itself. */
function runCdk(arguments_: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(HOME, 'node_modules', '.bin', 'cdk'), arguments_, { cwd: HOME, stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Without an answer, at the end of the input or after Ctrl-C, nothing is deployed.
  const isClosed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  terminal.once('SIGINT', () => terminal.close());
  const answer = await Promise.race([terminal.question(`${question} (y/n) `), isClosed]);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

main().catch((error: unknown) => {
  const isKnown = error instanceof DeploymentError || error instanceof SettingsError || error instanceof FunctionsError;
  // An error of AWS says what is missing. Its stack trace would not help the operator.
  const isOfAws = error instanceof Error && ('$metadata' in error || /^(Credentials|Token)ProviderError$/.test(error.name));
  const text = error instanceof Error ? (isKnown ? error.message : `${error.name}: ${error.message}`) : String(error);
  process.stderr.write(isKnown || isOfAws ? `\n${text}\n\n` : `\n${error instanceof Error ? error.stack : text}\n\n`);
  process.exit(1);
});
