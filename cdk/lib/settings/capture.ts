/** Reads what exports capture of a pool's configuration. */

import type { Settings } from './index';
import { SettingReader } from './reader';

/** Reads whether exports capture the configuration and its secrets, and whether a change starts an alarm. */
export function readCapture(
  reader: SettingReader,
): Pick<Settings, 'captureConfiguration' | 'captureSecrets' | 'configurationChangeAlarm'> {
  return {
    captureConfiguration: reader.oneOf('CaptureConfiguration', ['NO', 'YES']) === 'YES',
    captureSecrets: reader.oneOf('CaptureSecrets', ['YES', 'NO']) === 'YES',
    configurationChangeAlarm: readConfigurationChangeAlarm(reader),
  };
}

function readConfigurationChangeAlarm(reader: SettingReader): boolean {
  const isWanted = reader.oneOf('ConfigurationChangeAlarm', ['NO', 'YES']) === 'YES';
  if (isWanted && reader.oneOf('CaptureConfiguration', ['NO', 'YES']) !== 'YES') {
    reader.addProblem(
      'ConfigurationChangeAlarm',
      'Only a captured configuration is compared, so set CaptureConfiguration=YES, too.',
    );
  }
  return isWanted;
}
