/** Reads what protects the backup from its own account. */

import type { Settings } from './index';
import { ROLE_ARN, requirePartition } from './people';
import { SettingReader } from './reader';

/** Roles created by IAM Identity Center have a random end, so asterisks are allowed in names. */
const ADMINISTRATOR_ARN = /^arn:aws(-[a-z]+)*:iam::\d{12}:(role|user)\/[\w+=,.@/*-]*\w[\w+=,.@/*-]*$/;

/** Reads whether the account has a trail, whether a vault holds the table, and who may do what to keys and table. */
export function readProtection(
  reader: SettingReader,
  primaryRegion: string,
): Pick<Settings, 'cloudTrail' | 'backupVaultRetentionDays' | 'keyAdministrators' | 'breakGlassRole'> {
  return {
    cloudTrail: reader.oneOf('CloudTrail') === 'YES',
    backupVaultRetentionDays: readVaultRetention(reader),
    keyAdministrators: readKeyAdministrators(reader, primaryRegion),
    breakGlassRole: readBreakGlassRole(reader, primaryRegion),
  };
}

/** The days for which a vault keeps the backups of the table. Undefined if there is no vault. */
function readVaultRetention(reader: SettingReader): number | undefined {
  const days = reader.number('BackupVaultRetentionDays');
  if (reader.oneOf('BackupVault') === 'YES') {
    return days ?? 35;
  }
  if (days !== undefined) {
    reader.addProblem('BackupVaultRetentionDays', 'There is no vault, so set BackupVault=YES, too, or leave this out.');
  }
  return undefined;
}

/** The roles and users that administer the keys. */
function readKeyAdministrators(reader: SettingReader, primaryRegion: string): string[] {
  const advice =
    'Use ARNs of roles and users, with or without asterisks in the name, such as arn:aws:iam::111122223333:role/key-admin.';
  const administrators = reader.listOf('KeyAdministrators', ADMINISTRATOR_ARN, advice);
  requirePartition(reader, 'KeyAdministrators', administrators, primaryRegion);
  return administrators;
}

/** The role for emergencies. One wrong letter would leave only CloudFormation and the root user, so no pattern is accepted. */
function readBreakGlassRole(reader: SettingReader, primaryRegion: string): string | undefined {
  const role = reader.text('BreakGlassRole');
  if (role !== undefined && !ROLE_ARN.test(role)) {
    reader.addProblem('BreakGlassRole', 'Use the ARN of one role, such as arn:aws:iam::111122223333:role/break-glass.');
  } else if (role !== undefined) {
    requirePartition(reader, 'BreakGlassRole', [role], primaryRegion);
  }
  return role;
}
