/** Reads what protects the backup from its own account. */

import type { Settings } from './index';
import { SettingReader } from './reader';

/** Reads whether the account has a trail, and whether a vault holds the table. */
export function readProtection(reader: SettingReader): Pick<Settings, 'cloudTrail' | 'backupVaultRetentionDays'> {
  return {
    cloudTrail: reader.oneOf('CloudTrail') === 'YES',
    backupVaultRetentionDays: readVaultRetention(reader),
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
