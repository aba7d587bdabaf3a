import { RegionalTable } from './backup-table.construct';
import { FunctionCode } from './function-code';
import { Notifications } from './notifications.construct';
import { Settings } from './settings';

/** What both state machines of a Region stand on. */
export interface RunProps {
  /** The deployment's settings. */
  readonly settings: Settings;
  /** The table or replica of the Region. */
  readonly table: RegionalTable;
  /** The executables. */
  readonly code: FunctionCode;
  /** The topic that is told how runs end. */
  readonly notifications: Notifications;
}

/** The environment that every function has. */
export function commonEnvironment(props: RunProps): Record<string, string> {
  return { BACKUP_TABLE_NAME: props.table.tableName, COGNITO_TPS: String(props.settings.cognitoTps) };
}

/** The environment of enumerate, which decides how fast a run goes. */
export function enumerateEnvironment(props: RunProps): Record<string, string> {
  return { ...commonEnvironment(props), QUOTA_HEADROOM: String(props.settings.quotaHeadroom) };
}

/** The environment of finalize, which alone speaks to the topic. */
export function finalizeEnvironment(props: RunProps): Record<string, string> {
  return {
    ...commonEnvironment(props),
    NOTIFICATION_TOPIC_ARN: props.notifications.topic.topicArn,
    SNS_PREFERENCE: props.settings.snsPreference,
  };
}

/** What finalize of the export has besides, where there is a retention. */
export function retentionEnvironment({ snapshotRetention }: Settings): Record<string, string> {
  return snapshotRetention === undefined ? {} : { SNAPSHOT_RETENTION: snapshotRetention };
}

/**
 * How many invocations of a function that makes Cognito calls all the time may run at once: one a pool.
 *
 * Step Functions calls a function again when it lost the connection to it, and the invocation before may still be at work, for up to 15
 * minutes. The results would be the same, since every step may run twice at once, but the run would make twice the calls per second that
 * were asked for, at the expense of the sign-ins that share the quota. With one pool the second invocation is refused until the first
 * has ended. If that takes longer than the state machine tries, some two minutes, the run fails: it is recorded and announced, and the next
 * export, or the same import started again, loses nothing by it. With several pools as many runs go on side by side, and all of them
 * together never make more calls than so many runs may.
 *
 * Enumerate and finalize make a few calls at the most, and none that counts; they are not limited.
 */
export function pageConcurrency(settings: Settings, pools: number): number | undefined {
  return settings.reserveConcurrency ? Math.max(1, pools) : undefined;
}
