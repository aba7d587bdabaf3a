/** On which pools a function may make the Cognito operations that it makes. */

import { Aws, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { acknowledge } from './acknowledge';
import { regionOf } from './settings';

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

/** Operations that are about the account, and no pool: they can be allowed on every resource only. */
const OF_THE_ACCOUNT: readonly string[] = ['GetProvisionedLimit'];

/** Allows those of the operations that are made on pools. */
export function allowOperations(
  stack: Stack,
  sid: string,
  operations: readonly string[],
  pools: readonly string[],
): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    actions: actions(operations.filter((operation) => !OF_THE_ACCOUNT.includes(operation))),
    resources: poolArns(stack, pools),
  });
}

/** Allows those of the operations that are about the account. */
export function allowAccountOperations(operations: readonly string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'ReadQuotas',
    actions: actions(operations.filter((operation) => OF_THE_ACCOUNT.includes(operation))),
    resources: ['*'],
  });
}

/** Says why there is a wildcard in what `allowAccountOperations` gives a role. */
export function acknowledgeAccountOperations(role: iam.IRole): void {
  acknowledge(role, 'Resource::*', 'A quota is that of the account: GetProvisionedLimit reads a number and knows no resource.');
}

function actions(operations: readonly string[]): string[] {
  return operations.map((operation) => `cognito-idp:${operation}`);
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
