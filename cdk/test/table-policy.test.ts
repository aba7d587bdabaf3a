/**
 * Goal: if a role for emergencies is named, no other principal deletes the table, its recovery or its policy.
 *
 * Method: read the policies that the template of the table puts if the table is protected.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONTEXT_NAMES } from '../lib/context';
import { CONTEXT, PRIMARY, SECONDARY, defaultStacks, readable, synthesise } from './synthesised';

const ROLE = 'arn:aws:iam::111122223333:role/break-glass';
const REPLICATION =
  'arn:aws:iam::<AWS::AccountId>:role/aws-service-role/replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication';
const DEPLOYMENT = 'arn:aws:iam::<AWS::AccountId>:role/cdk-*-cfn-exec-role-<AWS::AccountId>-*';
const CODE = 'no-break-glass-role';

const { storage } = synthesise({ ...CONTEXT, BreakGlassRole: ROLE });

test('with a role for emergencies, the protected table and its replica have a policy, each for its own Region', () => {
  const { Replicas } = storage.only('AWS::DynamoDB::GlobalTable');
  assert.deepEqual(Replicas.map(({ Region }: any) => Region).sort(), [SECONDARY, PRIMARY].sort());
  for (const { Region, ResourcePolicy } of Replicas) {
    const denied = ResourcePolicy.PolicyDocument.Statement.map(({ Effect, Principal, Resource, Action, Condition }: any) => {
      assert.deepEqual([Effect, Principal], ['Deny', '*']);
      assert.equal(readable(Resource), `arn:aws:dynamodb:${Region}:<AWS::AccountId>:table/cognito-backup`);
      assert.deepEqual(Object.keys(Condition), ['ArnNotLike']);
      return [Action, Condition.ArnNotLike['aws:PrincipalArn'].map(readable)];
    });
    assert.deepEqual(denied, [
      [
        ['dynamodb:DeleteTable*', 'dynamodb:UpdateContinuousBackups'],
        [ROLE, REPLICATION],
      ],
      [
        ['dynamodb:PutResourcePolicy', 'dynamodb:DeleteResourcePolicy'],
        [ROLE, REPLICATION, DEPLOYMENT],
      ],
    ]);
  }
  assert.ok(!storage.warnings.some((warning) => warning.includes(CODE)));
});

/** The Regions whose table or replica has a policy. */
function regionsWithPolicy(context: Record<string, string>, values: object = {}): string[] {
  const { Replicas } = synthesise({ ...CONTEXT, BreakGlassRole: ROLE, ...values }, undefined, context).storage.only(
    'AWS::DynamoDB::GlobalTable',
  );
  return Replicas.filter(({ ResourcePolicy }: any) => ResourcePolicy !== undefined).map(({ Region }: any) => Region);
}

test('the policies come with the protection, and that of a new replica after it', () => {
  assert.deepEqual(regionsWithPolicy({}).sort(), [SECONDARY, PRIMARY].sort());
  assert.deepEqual(regionsWithPolicy({ [CONTEXT_NAMES.protected]: 'OFF' }), []);
  assert.deepEqual(regionsWithPolicy({ [CONTEXT_NAMES.newReplica]: 'YES' }), [PRIMARY]);
  assert.deepEqual(regionsWithPolicy({}, { SecondaryRegion: 'none' }), [PRIMARY]);
  assert.throws(() => regionsWithPolicy({ [CONTEXT_NAMES.newReplica]: 'maybe' }), /Use YES or NO/);
});

test('without a role for emergencies there is no policy, and a warning', () => {
  const { storage: plain } = defaultStacks();
  assert.ok(!JSON.stringify(plain.json).includes('ResourcePolicy'));
  const [warning = '', ...others] = plain.warnings;
  assert.match(warning, /^BreakGlassRole is not set, .*\[ack: cognito-backup:no-break-glass-role\]$/);
  assert.deepEqual(others, []);
});
