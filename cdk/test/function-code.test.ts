import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { App } from 'aws-cdk-lib';

import { deploy } from '../lib/deployment';
import { EXECUTABLES, FunctionCode } from '../lib/function-code';
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
  const app = new App();
  const { runs } = deploy(app, CONTEXT, new FunctionCode('BUILT', 'arm64', folder));
  const template = new Template(app.synth().getStackArtifact(runs.artifactId).template, []);
  rmSync(folder, { recursive: true });
  assert.equal(template.json.Rules.FunctionsAreBuilt, undefined);
  // Of the four executables, enumerate is used twice, and finalize three times.
  const packages = template.all('AWS::Lambda::Function').map((properties) => properties.Code.S3Key);
  assert.equal(packages.length, 7);

  for (const { json } of [defaultStacks().runs, defaultStacks().secondary]) {
    const [assertion] = json.Rules.FunctionsAreBuilt.Assertions;
    assert.match(assertion.AssertDescription, /synthesised without the functions\. Run `npm run deploy`/);
    const [region, other] = assertion.Assert['Fn::Equals'];
    assert.notEqual(region, other);
  }
});
