/** The statements for Cognito operations, on the pools that a function may use. */

import { Aws, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { acknowledge } from './acknowledge';
import { regionOf } from './settings';

/** The ARNs of pools in this account, each in its own Region. */
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

/** Operations on the account instead of a pool. IAM can allow them only on all resources. */
const ACCOUNT_OPERATIONS: readonly string[] = [
  'CreateUserPool',
  'DescribeUserPoolDomain',
  'GetProvisionedLimit',
  'ListUserPools',
];

/** Allows the operations on these pools, except those on the account. */
export function allowOperations(
  stack: Stack,
  sid: string,
  operations: readonly string[],
  pools: readonly string[],
): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    actions: cognitoActions(operations.filter((operation) => !ACCOUNT_OPERATIONS.includes(operation))),
    resources: poolArns(stack, pools),
  });
}

/** Allows the operations on the account, and no others. */
export function allowAccountOperations(operations: readonly string[], sid = 'ReadQuotas'): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    actions: cognitoActions(operations.filter((operation) => ACCOUNT_OPERATIONS.includes(operation))),
    resources: ['*'],
  });
}

/** Accepts the wildcard of {@link allowAccountOperations}, and states the reason. */
export function acknowledgeAccountOperations(role: iam.IRole): void {
  acknowledge(role, 'Resource::*', 'Quotas belong to the account. GetProvisionedLimit reads a number and has no resource.');
}

/** The same for DescribeUserPoolDomain. */
export function acknowledgeDomains(role: iam.IRole): void {
  acknowledge(
    role,
    'Resource::*',
    'A domain is no resource of a pool in IAM. DescribeUserPoolDomain reads the settings of a domain name.',
  );
}

/**
 * The actions that IAM asks for beside that of an operation: both services take a call of AWS WAF on a pool, and a pool is
 * created with tags.
 */
export const FURTHER_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  GetWebACLForResource: ['wafv2:GetWebACLForResource'],
  CreateUserPool: ['cognito-idp:TagResource'],
};

function cognitoActions(operations: readonly string[]): string[] {
  return operations.flatMap((operation) => [`cognito-idp:${operation}`, ...(FURTHER_ACTIONS[operation] ?? [])]);
}

/** Denies all operations on source pools, because a target pattern may match them. */
export function denySourcePools(stack: Stack, pools: readonly string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'NeverTouchSourcePools',
    effect: iam.Effect.DENY,
    actions: ['cognito-idp:*'],
    resources: poolArns(stack, pools),
  });
}
