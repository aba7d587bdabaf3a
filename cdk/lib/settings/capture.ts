/** Reads what exports capture of a pool's configuration. */

import type { Settings } from './index';
import { SettingReader } from './reader';

/** Reads whether exports capture the configuration and its secrets, and whether a change starts an alarm. */
export function readCapture(
  reader: SettingReader,
): Pick<Settings, 'captureConfiguration' | 'captureSecrets' | 'configurationChangeAlarm'> {
  return {
    captureConfiguration: reader.oneOf('CaptureConfiguration') === 'YES',
    captureSecrets: reader.oneOf('CaptureSecrets') === 'YES',
    configurationChangeAlarm: readConfigurationChangeAlarm(reader),
  };
}

function readConfigurationChangeAlarm(reader: SettingReader): boolean {
  const isWanted = reader.oneOf('ConfigurationChangeAlarm') === 'YES';
  if (isWanted && reader.oneOf('CaptureConfiguration') !== 'YES') {
    reader.addProblem(
      'ConfigurationChangeAlarm',
      'Only a captured configuration is compared, so set CaptureConfiguration=YES, too.',
    );
  }
  return isWanted;
}
