/** Reads how long the executions of the state machines may take. */

import { SettingReader } from './reader';

/**
 * The maximum in days. Step Functions ends every execution after a year.
 * Source: "Quotas related to state machine executions", Step Functions developer guide.
 */
const MAX_TIMEOUT_DAYS = 365;

/** The limits of executions, in days. An import of a large pool under a low TPS takes weeks. */
export function readTimeouts(reader: SettingReader): { exportTimeoutDays: number; importTimeoutDays: number } {
  return {
    exportTimeoutDays: reader.number('ExportTimeoutDays', 1, MAX_TIMEOUT_DAYS) ?? 7,
    importTimeoutDays: reader.number('ImportTimeoutDays', 1, MAX_TIMEOUT_DAYS) ?? 60,
  };
}
