/**
 * The functions in a VPC of the account. A subnet is in one Region, so each Region has its own.
 *
 * The deployment makes no VPC, no endpoints and no security groups: an organization that demands a VPC has them.
 */

import * as iam from 'aws-cdk-lib/aws-iam';

import type { Settings } from './settings';

/** Where the functions of a Region are. */
export interface VpcConfig {
  readonly subnetIds: string[];
  readonly securityGroupIds: string[];
}

/** The VPC of a Region. Undefined: its functions are in no VPC. */
export function vpcConfigIn({ primaryRegion, vpc, secondaryVpc }: Settings, region: string): VpcConfig | undefined {
  const config = region === primaryRegion ? vpc : secondaryVpc;
  return config && { subnetIds: [...config.subnetIds], securityGroupIds: [...config.securityGroupIds] };
}

/** What Lambda calls itself, with the role of the function. */
const NETWORK_INTERFACES = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
];

/** Lets Lambda connect a function to its VPC. Source: `AWSLambdaVPCAccessExecutionRole`, AWS managed policies. */
export function manageNetworkInterfaces(): iam.PolicyStatement {
  return new iam.PolicyStatement({ sid: 'ConnectToTheVpc', actions: NETWORK_INTERFACES, resources: ['*'] });
}

/**
 * Denies the code of the function the same: only Lambda itself makes these calls.
 * Source: "Giving Lambda functions access to resources in an Amazon VPC", Lambda developer guide.
 */
export function denyNetworkInterfaces(functionArn: string): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'OnlyLambdaConnects',
    effect: iam.Effect.DENY,
    actions: NETWORK_INTERFACES,
    resources: ['*'],
    conditions: { ArnEquals: { 'lambda:SourceFunctionArn': functionArn } },
  });
}
