/**
 * Which file a command reads, and how its errors name file and line. The files are in a temporary folder.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { App } from 'aws-cdk-lib';

import { CONTEXT_NAMES, codeSourceOf, firstExportOf, refuseSettingsInContext } from '../lib/context';
import { SETTING_NAMES, SettingsError, readSettings } from '../lib/settings';
import { CONFIG_FOLDER, SettingsFile, chooseSettingsFile } from '../lib/settings/file';
import { EMAIL, POOLS } from './synthesised';

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A folder with files of settings. */
function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cognito-backup-config-'));
  folders.push(folder);
  Object.entries(files).forEach(([name, text]) => writeFileSync(join(folder, name), text));
  return folder;
}

/** The texts of the problems of a file, without its folder. */
function problemsOf(text: string): string[] {
  const folder = folderWith({ 'prod.yaml': text });
  const texts = (error: unknown) => {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems.map((problem) => problem.text.replace(`${folder}/`, ''));
  };
  let file: SettingsFile;
  try {
    file = SettingsFile.read(join(folder, 'prod.yaml'));
  } catch (error) {
    return texts(error);
  }
  try {
    readSettings(file.values);
  } catch (error) {
    return texts(file.locate(error as SettingsError));
  }
  return [];
}

const VALID = `# Production
UserPoolIds:
  - ${POOLS[0]} # customers
  - ${POOLS[1]}
SecondaryRegion: eu-central-1
`;

test('a file may have comments, and gives the settings', () => {
  const folder = folderWith({ 'prod.yaml': `${VALID}NotificationEmail: ${EMAIL}\nCaptureConfiguration: YES\nCognitoTPS: 20\n` });
  const settings = readSettings(SettingsFile.read(join(folder, 'prod.yaml')).values);
  assert.deepEqual(settings.userPoolIds, POOLS);
  assert.equal(settings.notificationEmail, EMAIL);
  assert.equal(settings.captureConfiguration, true);
  assert.equal(settings.cognitoTps, 20);
});

test('each problem names the file, the line, the setting and what is allowed', () => {
  assert.deepEqual(
    problemsOf(`${VALID}CognitoTPS: 0\nUserPools: x\nTrustedPrincipals:\n  - '111122223333'\n  - 012345678901\n`),
    [
      'prod.yaml:7: UserPools is not a setting. Do you mean UserPoolIds?',
      'prod.yaml:6: CognitoTPS is 0, which is not allowed. Use a whole number from 1 to 200.',
      'prod.yaml:10: TrustedPrincipals contains 12345678901, which is not allowed. Use a text. Put a number in quotation marks.',
    ],
  );
});

test('a setting that is missing has no line', () => {
  assert.match(problemsOf('CognitoTPS: 20\n')[0] ?? '', /^prod\.yaml: UserPoolIds is missing\. Name the user pools/);
});

test('a file that is no YAML, has a setting twice, or has no settings, is refused', () => {
  assert.match(problemsOf(`${VALID}Name: [a\n`)[0] ?? '', /^prod\.yaml:7: .*/);
  assert.deepEqual(problemsOf(`${VALID}SecondaryRegion: eu-west-2\n`), ['prod.yaml:6: Map keys must be unique.']);
  assert.match(problemsOf('# nothing\n')[0] ?? '', /^prod\.yaml has no settings\. Write a line for each/);
});

test('a command reads the only file, or the one that the operator chooses', () => {
  const one = folderWith({ 'prod.yaml': VALID, 'example.yaml': VALID, 'schema.json': '{}' });
  const choose = (folder: string, chosen?: string) => chooseSettingsFile({ folder, chosen, allowsExample: false });
  assert.equal(choose(one), join(one, 'prod.yaml'));
  const two = folderWith({ 'prod.yaml': VALID, 'test.yaml': VALID });
  assert.throws(
    () => choose(two),
    /has settings for prod, test\. Choose one: npm run deploy -- --config prod, for other commands --context config=prod, or for all of them COGNITO_/,
  );
  assert.equal(choose(two, 'test'), join(two, 'test.yaml'));
  assert.equal(choose(one, join(two, 'test.yaml')), join(two, 'test.yaml'));
  assert.throws(() => choose(two, 'staging'), /staging\.yaml does not exist\. There are settings for prod, test\.$/);
});

test('only a command that asks for the example gets it, and only without settings', () => {
  const folder = folderWith({ 'example.yaml': VALID });
  const example = join(folder, 'example.yaml');
  assert.equal(chooseSettingsFile({ folder, allowsExample: true }), example);
  assert.throws(
    () => chooseSettingsFile({ folder, allowsExample: false }),
    /has no file with settings\. Copy .*example\.yaml to /,
  );
  assert.throws(
    () => chooseSettingsFile({ folder, chosen: 'example', allowsExample: false }),
    /example\.yaml is an example for npm run synth\. Copy /,
  );
  writeFileSync(join(folder, 'prod.yaml'), VALID);
  assert.equal(chooseSettingsFile({ folder, allowsExample: true }), join(folder, 'prod.yaml'));
});

test('of the npm scripts, only synth asks for the example, so the others refuse to run without settings', () => {
  const { scripts } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8'));
  const asking = Object.entries<string>(scripts).filter(([, script]) => script.includes(`${CONTEXT_NAMES.example}=YES`));
  assert.deepEqual(
    asking.map(([name]) => name),
    ['synth'],
  );
});

test('the committed example has all settings, and is valid with each of its lines', () => {
  const path = join(CONFIG_FOLDER, 'example.yaml');
  assert.doesNotThrow(() => readSettings(SettingsFile.read(path).values));

  const commented = new RegExp(`^# (?=(${SETTING_NAMES.join('|')}):|  - |  [a-z-]+: )`, 'gm');
  const whole = readFileSync(path, 'utf8').replaceAll(commented, '');
  const file = SettingsFile.read(join(folderWith({ 'all.yaml': whole }), 'all.yaml'));
  assert.deepEqual(Object.keys(file.values).sort(), [...SETTING_NAMES]);
  assert.doesNotThrow(() => readSettings(file.values));
});

test('settings in the context of the CDK are refused, and its other values are not', () => {
  const refuse = (context: Record<string, unknown>) => refuseSettingsInContext(new App({ context }));
  assert.throws(() => refuse({ UserPoolIds: 'x', SecondaryRegion: 'y' }), {
    name: 'SettingsError',
    message: /^The context of the CDK has settings: SecondaryRegion, UserPoolIds\. Move them /,
  });
  assert.doesNotThrow(() => refuse({ 'acknowledged-issue-numbers': [12345], [CONTEXT_NAMES.config]: 'prod' }));
});

test('the context says where the code comes from and when exports begin', () => {
  const app = (context: Record<string, unknown>) => new App({ context });
  assert.equal(codeSourceOf(app({})), 'BUILT');
  assert.equal(codeSourceOf(app({ [CONTEXT_NAMES.functions]: 'BUILD' })), 'BUILD');
  assert.throws(() => codeSourceOf(app({ [CONTEXT_NAMES.functions]: 'x' })), /is "x", .* Use one of BUILT, BUILD, PLACEHOLDER/);
  assert.equal(firstExportOf(app({})), undefined);
  const time = '2030-01-31T12:00:00Z';
  assert.deepEqual(firstExportOf(app({ [CONTEXT_NAMES.firstExport]: time })), new Date(time));
  assert.throws(() => firstExportOf(app({ [CONTEXT_NAMES.firstExport]: 'soon' })), /Use a time in UTC, such as/);
});

test('the app ends with a message and without a stack trace if the settings are wrong', () => {
  const folder = folderWith({ 'prod.yaml': `${VALID}CognitoTPS: 0\n` });
  const { status, stderr } = spawnSync('node', ['--import', 'tsx', 'bin/cognito-backup.ts'], {
    cwd: join(__dirname, '..'),
    encoding: 'utf8',
    env: { ...process.env, COGNITO_BACKUP_CONFIG: join(folder, 'prod.yaml') },
  });
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^\n.*prod\.yaml:6: CognitoTPS is 0, which is not allowed\. .*\n\n$/);
});
