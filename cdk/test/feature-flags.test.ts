/**
 * Checks that `cdk.json` sets the feature flags of the CDK as its package recommends. A later change of a flag may
 * replace resources. So a new version of the CDK needs a decision about its new flags.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { cdkContext, defaultStacks } from './synthesised';

/** The flags with another value, and the reason. */
const OTHER_VALUES: Record<string, { readonly value: unknown; readonly reason: string }> = {
  '@aws-cdk/aws-iam:minimizePolicies': {
    value: false,
    reason: 'A policy keeps the statements and their order in the code. Reviewers and tests compare them one by one.',
  },
  '@aws-cdk/core:defaultCrossStackReferences': {
    value: 'strong',
    reason: 'CloudFormation then refuses to delete or replace a key that another stack uses.',
  },
  '@aws-cdk/core:target-partitions': {
    value: ['aws', 'aws-cn', 'aws-us-gov', 'aws-eusc'],
    reason:
      'The recommended list lacks GovCloud and the European Sovereign Cloud. Templates must not name another partition there.',
  },
};

const RECOMMENDED: Record<string, unknown> = JSON.parse(
  readFileSync(require.resolve('aws-cdk-lib/recommended-feature-flags.json'), 'utf8'),
);

test('cdk.json sets every feature flag as the CDK recommends, or to another value with a reason', () => {
  const others = Object.entries(OTHER_VALUES).map(([flag, { value }]) => [flag, value] as const);
  assert.deepEqual(cdkContext(), { ...RECOMMENDED, ...Object.fromEntries(others) });
  for (const [flag, value] of others) {
    assert.notDeepEqual(RECOMMENDED[flag], value, `${flag} is the recommended value, so it needs no reason`);
  }
});

test('every stack has the tag of its deployment', () => {
  const { primary, secondary, secondaryKey } = defaultStacks().deployment;
  for (const stack of [primary, secondary, secondaryKey]) {
    assert.deepEqual(stack.tags.tagValues(), { application: 'cognito-backup' }, stack.stackName);
  }
});
