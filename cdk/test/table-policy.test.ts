/**
 * Goal: if a role for emergencies is named, no other principal deletes the table, its recovery or its policy.
 *
 * Method: read the policies that the template of the table puts if the table is protected.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

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
    const [condition, { PolicyDocument }, otherwise] = ResourcePolicy['Fn::If'];
    assert.deepEqual([condition, otherwise], ['IsProtected', { Ref: 'AWS::NoValue' }]);
    const denied = PolicyDocument.Statement.map(({ Effect, Principal, Resource, Action, Condition }: any) => {
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
        [ROLE, DEPLOYMENT],
      ],
    ]);
  }
  assert.ok(!storage.warnings.some((warning) => warning.includes(CODE)));
});

test('without a role for emergencies there is no policy, and a warning', () => {
  const { storage: plain } = defaultStacks();
  assert.ok(!JSON.stringify(plain.json).includes('ResourcePolicy'));
  const [warning = '', ...others] = plain.warnings;
  assert.match(warning, /^BreakGlassRole is not set, .*\[ack: cognito-backup:no-break-glass-role\]$/);
  assert.deepEqual(others, []);
});
