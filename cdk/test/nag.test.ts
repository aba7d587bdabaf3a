import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as iam from 'aws-cdk-lib/aws-iam';

import { CONTEXT, synthesise } from './synthesised';

test('the rules of AwsSolutions find nothing that was not accepted for a reason, whatever the settings', () => {
  assert.doesNotThrow(() => synthesise());
  assert.doesNotThrow(() =>
    synthesise({
      ...CONTEXT,
      ImportTargets: 'eu-west-1_New*,eu-central-1_NewPool1',
      TrustedPrincipals: '111122223333',
      GroupRoleArns: 'arn:aws:iam::111122223333:role/editors',
    }),
  );
});

test('the rules are looked at: a role that may do everything fails the synthesis', () => {
  const withAlmightyRole = () =>
    synthesise(CONTEXT, ({ primary }) => {
      const role = new iam.Role(primary, 'Almighty', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
      role.addToPolicy(new iam.PolicyStatement({ actions: ['dynamodb:*'], resources: ['*'] }));
    });
  assert.throws(withAlmightyRole, /Validation failed/);
});
