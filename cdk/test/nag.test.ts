import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as iam from 'aws-cdk-lib/aws-iam';

import { COMPANY, CONTEXT, COPY, synthesise } from './synthesised';

/** The settings that protect the backup from its own account. */
const PROTECTION = {
  CloudTrail: 'YES',
  BackupVault: 'YES',
  BreakGlassRole: 'arn:aws:iam::111122223333:role/break-glass',
  KeyAdministrators: 'arn:aws:iam::111122223333:role/key-admin',
};

test('cdk-nag finds nothing that is not accepted with a reason, with any settings', () => {
  assert.doesNotThrow(() => synthesise());
  assert.doesNotThrow(() =>
    synthesise({
      ...CONTEXT,
      ImportTargets: 'eu-west-1_New*,eu-central-1_NewPool1',
      TrustedPrincipals: '111122223333',
      GroupRoleArns: 'arn:aws:iam::111122223333:role/editors',
      CaptureConfiguration: 'YES',
      ...PROTECTION,
      ...COMPANY,
      ...COPY,
    }),
  );
});

test('each setting that protects the backup also works in one Region', () => {
  const oneRegion = { ...CONTEXT, SecondaryRegion: 'none', CaptureConfiguration: 'YES' };
  for (const [name, value] of Object.entries(PROTECTION)) {
    assert.doesNotThrow(() => synthesise({ ...oneRegion, [name]: value }), name);
  }
  const { deployment } = synthesise({ ...oneRegion, ...PROTECTION, BackupVaultRetentionDays: 90 });
  assert.notEqual(deployment.vault, undefined);
});

test('cdk-nag runs: a role that may do everything fails the synthesis', () => {
  const synthesiseWithWildcards = () =>
    synthesise(CONTEXT, ({ runs }) => {
      const role = new iam.Role(runs, 'Wildcards', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
      role.addToPolicy(new iam.PolicyStatement({ actions: ['dynamodb:*'], resources: ['*'] }));
    });
  assert.throws(synthesiseWithWildcards, /Validation failed/);
});
