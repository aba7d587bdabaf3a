/** Reads what companies demand of every deployment: a VPC, tags, a permissions boundary, and a log of reads. */

import type { Settings } from './index';
import { requirePartition } from './people';
import { SettingName, SettingReader } from './reader';

/** The subnets and security groups of the functions of a Region. */
export interface VpcSettings {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

const POLICY_ARN = /^arn:aws(-[a-z]+)*:iam::(\d{12}|aws):policy\/[\w+=,.@/-]+$/;

/** A resource may have 50 tags. CloudFormation and the deployment add some of their own. */
const MAX_TAGS = 40;
/** Source of the form: `Tag`, API reference of the Resource Groups Tagging API. */
const TAG_KEY = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u;
const TAG_VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;
/** Tags of AWS, the tag of the deployment, and tags that allow imports. */
const RESERVED_TAG = /^(aws:|application$|cognito-backup)/i;

/** Source: `VpcConfig`, Lambda API reference. */
const MAX_SECURITY_GROUPS = 5;
const MAX_SUBNETS = 16;

type Company = Pick<Settings, 'accessLogging' | 'permissionsBoundary' | 'vpc' | 'secondaryVpc' | 'tableClass' | 'tags'>;

/** Reads these settings. */
export function readCompany(reader: SettingReader, primaryRegion: string, secondaryRegion: string | undefined): Company {
  const vpc = readVpc(reader, 'VpcSubnetIds', 'VpcSecurityGroupIds');
  const secondaryVpc = readVpc(reader, 'SecondaryVpcSubnetIds', 'SecondaryVpcSecurityGroupIds');
  if (secondaryVpc !== undefined && secondaryRegion === undefined) {
    reader.addProblem('SecondaryVpcSubnetIds', 'There is no secondary Region, so leave this out.');
  } else if (secondaryRegion !== undefined && (vpc === undefined) !== (secondaryVpc === undefined)) {
    const missing = vpc === undefined ? 'VpcSubnetIds' : 'SecondaryVpcSubnetIds';
    reader.addProblem(
      missing,
      'The functions of both Regions are in a VPC, or none are. So name subnets in both Regions, or in none.',
    );
  }
  const tableClass = reader.oneOf('TableClass');
  return {
    accessLogging: reader.oneOf('AccessLogging') === 'YES',
    permissionsBoundary: readBoundary(reader, primaryRegion),
    vpc,
    secondaryVpc,
    tableClass: tableClass === 'STANDARD' ? undefined : tableClass,
    tags: readTags(reader),
  };
}

/** The VPC of a Region. Undefined: none. */
function readVpc(reader: SettingReader, subnets: SettingName, groups: SettingName): VpcSettings | undefined {
  const subnetIds = reader.listOf(subnets, /^subnet-[0-9a-f]{8,17}$/, 'Use ids of subnets, such as subnet-0123456789abcdef0.');
  const securityGroupIds = reader.listOf(
    groups,
    /^sg-[0-9a-f]{8,17}$/,
    'Use ids of security groups, such as sg-0123456789abcdef0.',
  );
  if (subnetIds.length > MAX_SUBNETS) {
    reader.addProblem(subnets, `A function has at most ${MAX_SUBNETS} subnets.`);
  }
  if (securityGroupIds.length > MAX_SECURITY_GROUPS) {
    reader.addProblem(groups, `A function has at most ${MAX_SECURITY_GROUPS} security groups.`);
  }
  if (subnetIds.length > 0 && securityGroupIds.length === 0) {
    reader.addProblem(groups, `Functions in a VPC need a security group, so set this with ${subnets}.`);
  } else if (subnetIds.length === 0 && securityGroupIds.length > 0) {
    reader.addProblem(subnets, `Security groups need subnets, so set this with ${groups}.`);
  }
  return subnetIds.length + securityGroupIds.length > 0 ? { subnetIds, securityGroupIds } : undefined;
}

function readBoundary(reader: SettingReader, primaryRegion: string): string | undefined {
  const boundary = reader.text('PermissionsBoundary');
  if (boundary !== undefined && !POLICY_ARN.test(boundary)) {
    reader.addProblem('PermissionsBoundary', 'Use the ARN of a policy, such as arn:aws:iam::111122223333:policy/boundary.');
  } else if (boundary !== undefined) {
    requirePartition(reader, 'PermissionsBoundary', [boundary], primaryRegion);
  }
  return boundary;
}

function readTags(reader: SettingReader): Readonly<Record<string, string>> {
  const tags = reader.map('Tags');
  const wrong = tags.filter(([key, value]) => !TAG_KEY.test(key) || !TAG_VALUE.test(value));
  if (tags.some(([key]) => RESERVED_TAG.test(key))) {
    reader.addProblem('Tags', 'Use other names than application, and none that begins with aws: or cognito-backup.');
  } else if (wrong.length > 0) {
    reader.addProblem('Tags', 'Use letters, digits, spaces and _.:/=+-@ only: up to 128 in a name, and up to 256 in its text.');
  } else if (tags.length > MAX_TAGS) {
    reader.addProblem('Tags', `Use at most ${MAX_TAGS} tags.`);
  }
  return Object.fromEntries(tags);
}
