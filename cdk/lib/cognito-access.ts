/**
 * Which Cognito operations each function makes, and on which pools it may make them.
 *
 * `test/operations.test.ts` reads the same out of the Rust sources, and fails where the two differ.
 */

import { Aws, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { regionOf } from './settings';

/** The operations by role. Finalize of either state machine makes none. */
export const COGNITO_OPERATIONS = {
  exportEnumerate: ['DescribeUserPool'],
  exportPage: ['AdminGetUser', 'DescribeUserPool', 'ListGroups', 'ListUsers', 'ListUsersInGroup'],
  importEnumerate: ['DescribeUserPool', 'ListUsers'],
  importPage: [
    'AddCustomAttributes',
    'AdminAddUserToGroup',
    'AdminCreateUser',
    'AdminDeleteUserAttributes',
    'AdminDisableUser',
    'AdminEnableUser',
    'AdminGetUser',
    'AdminLinkProviderForUser',
    'AdminSetUserMFAPreference',
    'AdminSetUserPassword',
    'AdminUpdateUserAttributes',
    'CreateGroup',
    'CreateUserImportJob',
    'DescribeUserImportJob',
    'DescribeUserPool',
    'GetCSVHeader',
    'GetGroup',
    'ListGroups',
    'ListIdentityProviders',
    'ListUsers',
    'ListUsersInGroup',
    'StartUserImportJob',
    'UpdateGroup',
  ],
} as const;

/** The ARNs of pools of this account, each in its own Region. */
export function poolArns(stack: Stack, pools: readonly string[]): string[] {
  return pools.map((pool) =>
    stack.formatArn({
      service: 'cognito-idp',
      region: regionOf(pool),
      account: Aws.ACCOUNT_ID,
      resource: 'userpool',
      resourceName: pool,
    }),
  );
}

/** Allows operations on pools. */
export function allowOperations(
  stack: Stack,
  sid: string,
  operations: readonly string[],
  pools: readonly string[],
): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    actions: operations.map((operation) => `cognito-idp:${operation}`),
    resources: poolArns(stack, pools),
  });
}

/** Refuses every operation on pools, whatever else is allowed: the targets' pattern may cover the sources. */
export function refuseSourcePools(stack: Stack, pools: readonly string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'NeverTouchSourcePools',
    effect: iam.Effect.DENY,
    actions: ['cognito-idp:*'],
    resources: poolArns(stack, pools),
  });
}
