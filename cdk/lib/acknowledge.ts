import { Aws, Validations } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';

/**
 * Accepts a wildcard in what a role may do, for a stated reason.
 *
 * @param finding what cdk-nag calls it: `Resource::…` or `Action::…`, with the account left open
 */
export function acknowledge(role: IConstruct, finding: string, reason: string): void {
  const readable = finding.replaceAll(Aws.ACCOUNT_ID, '<AWS::AccountId>').replaceAll(Aws.PARTITION, '<AWS::Partition>');
  Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[${readable}]`, reason });
}
