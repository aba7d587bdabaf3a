import { Aws, Validations } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';

/**
 * Accepts a wildcard in the permissions of a role, and states the reason.
 *
 * @param finding the name that cdk-nag gives it: `Resource::…` or `Action::…`
 */
export function acknowledge(role: IConstruct, finding: string, reason: string): void {
  const readable = finding.replaceAll(Aws.ACCOUNT_ID, '<AWS::AccountId>').replaceAll(Aws.PARTITION, '<AWS::Partition>');
  Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[${readable}]`, reason });
}
