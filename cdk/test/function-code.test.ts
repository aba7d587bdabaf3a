import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { App } from 'aws-cdk-lib';

import { deploy } from '../lib/deployment';
import { EXAMPLE, useExample } from '../lib/example';
import { EXECUTABLES, FunctionCode } from '../lib/function-code';
import { readSettings } from '../lib/settings';
import { CONTEXT, Template, defaultStacks } from './synthesised';

/** A folder with executables that have only the ELF header of a machine type. */
function buildFor(machine: number, executables: readonly string[] = EXECUTABLES): string {
  const folder = mkdtempSync(join(tmpdir(), 'cognito-backup-test-'));
  for (const executable of executables) {
    mkdirSync(join(folder, executable));
    const header = Buffer.alloc(64);
    header.write('\x7fELF', 'latin1');
    header.writeUInt16LE(machine, 18);
    writeFileSync(join(folder, executable, 'bootstrap'), header);
  }
  return folder;
}

const [ARM64, X86_64] = [183, 62];

test('a deployment without built functions is refused', () => {
  const folder = buildFor(ARM64, ['enumerate', 'finalize']);
  assert.throws(() => new FunctionCode('BUILT', 'arm64', folder), {
    name: 'FunctionsError',
    message:
      /^The functions are not built: .* has no export-page, import-page\. Run `npm run deploy`, which builds them for arm64\.$/,
  });
  rmSync(folder, { recursive: true });
});

test('functions built for another architecture are refused', () => {
  const folder = buildFor(X86_64);
  assert.throws(() => new FunctionCode('BUILT', 'arm64', folder), /cannot run on arm64\. Run `npm run deploy`/);
  assert.doesNotThrow(() => new FunctionCode('BUILT', 'x86_64', folder));
  rmSync(folder, { recursive: true });
});

test('stacks with built functions can be deployed, and stacks with placeholders cannot', () => {
  const folder = buildFor(ARM64);
  const app = new App({ context: CONTEXT });
  const { primary } = deploy(app, new FunctionCode('BUILT', 'arm64', folder));
  const template = new Template(app.synth().getStackArtifact(primary.artifactId).template, []);
  rmSync(folder, { recursive: true });
  assert.equal(template.json.Rules.FunctionsAreBuilt, undefined);
  // Two of the four executables are used twice.
  const packages = template.all('AWS::Lambda::Function').map((properties) => properties.Code.S3Key);
  assert.equal(packages.length, 6);

  for (const { json } of [defaultStacks().primary, defaultStacks().secondary]) {
    const [assertion] = json.Rules.FunctionsAreBuilt.Assertions;
    assert.match(assertion.AssertDescription, /synthesised without the functions\. Run `npm run deploy`/);
    const [region, other] = assertion.Assert['Fn::Equals'];
    assert.notEqual(region, other);
  }
});

/** The context that an npm script gives to the app. Undefined if the script does not run the app. */
function contextOfScript(script: string): Record<string, string> | undefined {
  const words = script.split(' ');
  const values = words.filter((_, position) => words[position - 1] === '--context').map((word) => word.split('='));
  return words[0] === 'cdk' ? Object.fromEntries(values) : undefined;
}

test('without settings, the npm script synth uses the example, and all others are refused', () => {
  const { scripts } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8'));
  const used: string[] = [];
  const refused: string[] = [];
  for (const [name, script] of Object.entries<string>(scripts)) {
    const context = contextOfScript(script);
    if (context === undefined) {
      continue;
    }
    const app = new App({ context });
    if (useExample(app)) {
      used.push(name);
      assert.doesNotThrow(() => readSettings(app.node.getAllContext()), name);
    } else {
      refused.push(name);
      assert.throws(() => readSettings(app.node.getAllContext()), {
        name: 'SettingsError',
        message: /^UserPoolIds is missing\./,
      });
    }
  }
  assert.deepEqual(used, ['synth']);
  assert.deepEqual(refused, ['bootstrap', 'deploy', 'destroy', 'diff']);
});

test('the example is used only if it is asked for, with placeholders and without pools', () => {
  const example = (context: object) => {
    const app = new App({ context });
    return useExample(app) ? app.node.tryGetContext('UserPoolIds') : undefined;
  };
  assert.deepEqual(example({ Example: 'YES', Functions: 'PLACEHOLDER' }), EXAMPLE.UserPoolIds);
  assert.equal(example({ Functions: 'PLACEHOLDER' }), undefined);
  assert.equal(example({ Example: 'NO', Functions: 'PLACEHOLDER' }), undefined);
  assert.equal(example({ Example: 'YES', Functions: 'BUILT' }), undefined);
  assert.equal(example({ Example: 'YES', Functions: 'PLACEHOLDER', UserPoolIds: 'eu-west-1_Mine' }), undefined);
});
