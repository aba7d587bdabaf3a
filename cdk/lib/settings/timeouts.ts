/** Reads how long the executions of the state machines may take. */

import { SettingReader } from './reader';

/** The limits of executions, in days. An import of a large pool under a low TPS takes weeks. */
export function readTimeouts(reader: SettingReader): { exportTimeoutDays: number; importTimeoutDays: number } {
  return {
    exportTimeoutDays: reader.number('ExportTimeoutDays') ?? 7,
    importTimeoutDays: reader.number('ImportTimeoutDays') ?? 60,
  };
}
