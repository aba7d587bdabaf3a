import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { App } from 'aws-cdk-lib';

import { deploy } from '../lib/deployment';
import { EXAMPLE, useExample } from '../lib/example';
import { EXECUTABLES, FunctionCode } from '../lib/function-code';
import { CONTEXT, Template, usual } from './synthesised';

/** A folder with the beginnings of executables for a machine. */
function built(machine: number, executables: readonly string[] = EXECUTABLES): string {
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

test('without built functions there is nothing to deploy', () => {
  const folder = built(ARM64, ['enumerate', 'finalize']);
  assert.throws(() => new FunctionCode('BUILT', 'arm64', folder), {
    name: 'FunctionsError',
    message: /^The functions are not built: .* has no export-page, import-page\. Run `npm run deploy`, which builds them/,
  });
  rmSync(folder, { recursive: true });
});

test('functions built for another architecture are refused', () => {
  const folder = built(X86_64);
  assert.throws(() => new FunctionCode('BUILT', 'arm64', folder), /cannot run on arm64\. Build for it/);
  assert.doesNotThrow(() => new FunctionCode('BUILT', 'x86_64', folder));
  rmSync(folder, { recursive: true });
});

test('built functions are deployed, and placeholders never', () => {
  const folder = built(ARM64);
  const app = new App({ context: CONTEXT });
  const { primary } = deploy(app, new FunctionCode('BUILT', 'arm64', folder));
  const template = new Template(app.synth().getStackArtifact(primary.artifactId).template, []);
  rmSync(folder, { recursive: true });
  assert.equal(template.json.Rules.FunctionsAreBuilt, undefined);
  // Four executables, six functions.
  const packages = template.all('AWS::Lambda::Function').map((properties) => properties.Code.S3Key);
  assert.equal(packages.length, 6);

  for (const { json } of [usual().primary, usual().secondary]) {
    const [assertion] = json.Rules.FunctionsAreBuilt.Assertions;
    assert.match(assertion.AssertDescription, /synthesised without the functions\. Deploy with `npm run deploy`/);
    const [region, nowhere] = assertion.Assert['Fn::Equals'];
    assert.notEqual(region, nowhere);
  }
});

test('the example stands in for pools only where templates are looked at and no pools are named', () => {
  const example = (context: object) => {
    const app = new App({ context });
    return useExample(app) ? app.node.tryGetContext('UserPoolIds') : undefined;
  };
  assert.deepEqual(example({ Functions: 'PLACEHOLDER' }), EXAMPLE.UserPoolIds);
  assert.equal(example({ Functions: 'BUILT' }), undefined);
  assert.equal(example({ Functions: 'PLACEHOLDER', UserPoolIds: 'eu-west-1_Mine' }), undefined);
});
