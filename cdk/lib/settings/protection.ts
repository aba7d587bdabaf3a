/** Reads what protects the backup from its own account. */

import type { Settings } from './index';
import { SettingReader } from './reader';

/** Reads whether the account has a trail. */
export function readProtection(reader: SettingReader): Pick<Settings, 'cloudTrail'> {
  return {
    cloudTrail: reader.oneOf('CloudTrail') === 'YES',
  };
}
