/** Reads where the address for heartbeats is. */

import { SettingReader } from './reader';

/** The value of `HeartbeatParameter` for a deployment without heartbeats. */
export const NO_PARAMETER = 'none';

/**
 * The form of the name of a parameter. A name with levels begins with a slash.
 * Source: "PutParameter", `Name`, AWS Systems Manager API reference.
 */
const PARAMETER_NAME = /^([\w.-]+|(\/[\w.-]+){1,15})$/;

/** Reads the name of the parameter. Undefined: no heartbeats. The address itself is a secret, and no setting. */
export function readHeartbeatParameter(reader: SettingReader): string | undefined {
  const name = reader.text('HeartbeatParameter') ?? NO_PARAMETER;
  if (name === NO_PARAMETER) {
    return undefined;
  }
  if (!PARAMETER_NAME.test(name) || name.length > 1011 || /^\/?(aws|ssm)/i.test(name)) {
    reader.addProblem(
      'HeartbeatParameter',
      'Use the name of a SecureString parameter of Systems Manager, such as /cognito-backup/heartbeat, or none. Keep the address itself in the parameter.',
    );
  }
  return name;
}
