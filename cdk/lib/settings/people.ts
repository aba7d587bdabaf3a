/** Reads the e-mail address, the principals of other accounts, and the roles of groups. */

import { isInPartitionOf, partitionOf } from '../partition';
import type { Settings } from './index';
import { SettingName, SettingReader } from './reader';

const ACCOUNT_ID = /^\d{12}$/;
/** The ARN of a role. */
export const ROLE_ARN = /^arn:aws(-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@/-]+$/;
const PRINCIPAL_ARN = /^arn:aws(-[a-z]+)*:iam::\d{12}:(root|(role|user)\/[\w+=,.@/-]+)$/;

/** Reads the address that gets the messages. */
export function readEmail(reader: SettingReader): string | undefined {
  const email = reader.text('NotificationEmail');
  if (email !== undefined && !/^[^\s@,]+@[^\s@,]+\.[^\s@,]+$/.test(email)) {
    reader.addProblem('NotificationEmail', 'Use one e-mail address, such as backup@example.com.');
  }
  return email;
}

/** Reads the principals that may read the backup. Wildcards are not accepted. */
export function readPrincipals(reader: SettingReader, primaryRegion: string): string[] {
  const principals = reader.list('TrustedPrincipals');
  if (!principals.every((principal) => isAccountId(principal) || PRINCIPAL_ARN.test(principal))) {
    reader.addProblem(
      'TrustedPrincipals',
      'Use account ids of 12 digits, and ARNs of roles and users, such as arn:aws:iam::111122223333:role/restore.',
    );
  }
  requirePartition(reader, 'TrustedPrincipals', principals, primaryRegion);
  return principals;
}

/** Reads the conditions on the trusted principals. */
export function readTrustConditions(reader: SettingReader): Pick<Settings, 'trustedExternalId' | 'trustedOrganization'> {
  return {
    // Source of the form: `AssumeRole`, AWS STS API reference.
    trustedExternalId: readTrust(
      reader,
      'TrustedExternalId',
      /^[\w+=,.@:/-]{2,1224}$/,
      '2 to 1224 letters, digits and characters of +=,.@:/-_',
    ),
    // Source of the form: `Organization`, AWS Organizations API reference.
    trustedOrganization: readTrust(
      reader,
      'TrustedOrganization',
      /^o-[a-z0-9]{10,32}$/,
      'the id of an organization, such as o-a1b2c3d4e5',
    ),
  };
}

/** A condition on the trusted principals. Without a principal it would protect nothing. */
function readTrust(
  reader: SettingReader,
  name: 'TrustedExternalId' | 'TrustedOrganization',
  form: RegExp,
  allowed: string,
): string | undefined {
  const value = reader.text(name);
  if (value !== undefined && !form.test(value)) {
    reader.addProblem(name, `Use ${allowed}.`);
  } else if (value !== undefined && reader.list('TrustedPrincipals').length === 0) {
    reader.addProblem(name, 'No principal is trusted, so set TrustedPrincipals, too, or leave this out.');
  }
  return value;
}

/** Reads the roles that imports may give to groups. */
export function readGroupRoles(reader: SettingReader, primaryRegion: string): string[] {
  const advice = 'Use ARNs of IAM roles, such as arn:aws:iam::111122223333:role/editors.';
  const roles = reader.listOf('GroupRoleArns', ROLE_ARN, advice);
  requirePartition(reader, 'GroupRoleArns', roles, primaryRegion);
  return roles;
}

/** Whether a principal is the id of an account. */
export function isAccountId(principal: string): boolean {
  return ACCOUNT_ID.test(principal);
}

/** Adds a problem if an ARN is of another partition than the Region. IAM refuses a policy with such an ARN. */
export function requirePartition(reader: SettingReader, name: SettingName, values: readonly string[], region: string): void {
  const others = values.filter((value) => value.startsWith('arn:') && !isInPartitionOf(region, value.split(':')[1]));
  if (others.length > 0) {
    reader.addProblem(
      name,
      `${others.join(', ')} is not in the AWS partition of ${region}: use ARNs that begin with arn:${partitionOf(region)}:`,
    );
  }
}
