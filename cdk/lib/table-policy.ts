/** The policy of the table and of its replica. */

import { Aws, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { deploymentRoleArn } from './names';

/** Who may do what the policy denies, and where. */
export interface TablePolicyProps {
  /** The name of the table. */
  readonly name: string;
  /** The Region of the table or replica. */
  readonly region: string;
  /** The ARN of the role for emergencies. */
  readonly breakGlassRole: string;
}

/**
 * Denies to delete the table, to change its point-in-time recovery, and to change this policy, in one Region.
 *
 * A replica is deleted with the permissions for `DeleteTable` and `DeleteTableReplica`. DynamoDB refuses a policy with an
 * action that it does not know, and lists only the names of API operations. So an asterisk stands for the second one.
 *
 * The role with which DynamoDB replicates must not be denied anything. Source: "DynamoDB global tables security",
 * DynamoDB developer guide. CloudFormation may change the policy, so that a deployment can. The root user can delete the
 * policy even if it denies that. Source: DeleteResourcePolicy, DynamoDB API reference.
 */
export function tablePolicy(stack: Stack, { name, region, breakGlassRole }: TablePolicyProps): iam.PolicyDocument {
  const table = stack.formatArn({ service: 'dynamodb', region, resource: 'table', resourceName: name });
  const replication = `arn:${stack.partition}:iam::${Aws.ACCOUNT_ID}:role/aws-service-role/replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication`;
  const deny = (sid: string, actions: string[], except: string[]) =>
    new iam.PolicyStatement({
      sid,
      effect: iam.Effect.DENY,
      principals: [new iam.StarPrincipal()],
      actions: actions.map((action) => `dynamodb:${action}`),
      resources: [table],
      conditions: { ArnNotLike: { 'aws:PrincipalArn': except } },
    });
  return new iam.PolicyDocument({
    statements: [
      deny('KeepTheTable', ['DeleteTable*', 'UpdateContinuousBackups'], [breakGlassRole, replication]),
      deny(
        'KeepThePolicy',
        ['PutResourcePolicy', 'DeleteResourcePolicy'],
        [breakGlassRole, replication, deploymentRoleArn(stack)],
      ),
    ],
  });
}
