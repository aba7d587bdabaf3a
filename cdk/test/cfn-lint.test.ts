/**
 * Goal: CloudFormation would accept the templates, as far as its schemas tell.
 *
 * Method: cfn-lint checks the templates of the example, and those of a deployment with every setting on. Without Python or a
 * registry to install cfn-lint from, the test says so and is skipped.
 */

import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { App } from 'aws-cdk-lib';

import { deploy } from '../lib/deployment';
import { FunctionCode } from '../lib/function-code';
import { CONFIG_FOLDER, SettingsFile } from '../lib/settings/file';
import { NotInstalled, findingsOf, installCfnLint } from './cfn-lint';
import { COMPANY, CONTEXT, COPY, cdkContext } from './synthesised';

/** Settings that add every resource. */
const EVERYTHING = {
  ...CONTEXT,
  ...COMPANY,
  ...COPY,
  SnapshotRetention: 'days=35',
  CaptureConfiguration: 'YES',
  ConfigurationChangeAlarm: 'YES',
  TrustedPrincipals: '111122223333',
  GroupRoleArns: 'arn:aws:iam::111122223333:role/editors',
  CloudTrail: 'YES',
  BackupVault: 'YES',
  BreakGlassRole: 'arn:aws:iam::111122223333:role/break-glass',
  KeyAdministrators: 'arn:aws:iam::111122223333:role/key-admin',
};

/** The templates of a deployment, by stack. */
function templates(values: Record<string, unknown>): Map<string, any> {
  const app = new App({ context: cdkContext() });
  deploy(app, values, FunctionCode.placeholders('x86_64'));
  return new Map(app.synth().stacks.map(({ stackName, template }) => [stackName, template]));
}

let python: ReturnType<typeof installCfnLint> | undefined;
let reason = '';

before(() => {
  try {
    python = installCfnLint();
  } catch (error) {
    if (!(error instanceof NotInstalled)) {
      throw error;
    }
    reason = `NOT TESTED: cfn-lint cannot be installed: ${error.message}`;
  }
});

for (const [name, values, stacks] of [
  ['the example', () => SettingsFile.read(`${CONFIG_FOLDER}/example.yaml`).values, 6],
  ['a deployment with every setting on', () => EVERYTHING, 8],
] as const) {
  test(`cfn-lint finds nothing in the templates of ${name}`, (context) => {
    if (python === undefined) {
      return context.skip(reason);
    }
    const all = templates(values());
    assert.equal(all.size, stacks);
    assert.deepEqual(findingsOf(python, all), []);
  });
}

test('cfn-lint runs: it finds a property that no resource has', (context) => {
  if (python === undefined) {
    return context.skip(reason);
  }
  const wrong = { Resources: { Topic: { Type: 'AWS::SNS::Topic', Properties: { Nonsense: 1 } } } };
  const findings = findingsOf(python, new Map([['wrong', wrong]]));
  assert.match(findings.join('\n'), /Nonsense/);
});
