import { RegionalTable } from './backup-table.construct';
import { FunctionCode } from './function-code';
import { Notifications } from './notifications.construct';
import { CopySettings, Settings } from './settings';

/** The properties of both state machines of a Region. */
export interface RunProps {
  readonly settings: Settings;
  /** The table or replica of the Region. */
  readonly table: RegionalTable;
  readonly code: FunctionCode;
  /** The topic that gets the results of runs. */
  readonly notifications: Notifications;
}

/** The environment of every function. */
export function commonEnvironment(props: RunProps): Record<string, string> {
  return { BACKUP_TABLE_NAME: props.table.tableName, COGNITO_TPS: String(props.settings.cognitoTps) };
}

/** The environment of enumerate, which sets the calls per second of a run, and how it may list the users. */
export function enumerateEnvironment(props: RunProps): Record<string, string> {
  return {
    ...commonEnvironment(props),
    QUOTA_HEADROOM: String(props.settings.quotaHeadroom),
    SPLIT_LISTING: props.settings.splitListing ? 'YES' : 'NO',
  };
}

/** The environment of export-page. */
export function exportPageEnvironment(props: RunProps): Record<string, string> {
  return { ...commonEnvironment(props), CAPTURE_CONFIGURATION: props.settings.captureConfiguration ? 'YES' : 'NO' };
}

/** The additional environment of the import's enumerate. */
export function subMapEnvironment({ subMapRetention }: Settings): Record<string, string> {
  return subMapRetention === undefined ? {} : { SUB_MAP_RETENTION: String(subMapRetention) };
}

/** The additional environment of the functions that call Cognito in an import. */
export function poolTagEnvironment({ requirePoolTag }: Settings): Record<string, string> {
  return { REQUIRE_POOL_TAG: requirePoolTag ? 'YES' : 'NO' };
}

/** The environment of finalize, the only function that publishes to the topic. */
export function finalizeEnvironment(props: RunProps): Record<string, string> {
  return {
    ...commonEnvironment(props),
    NOTIFICATION_TOPIC_ARN: props.notifications.topic.topicArn,
    SNS_PREFERENCE: props.settings.snsPreference,
  };
}

/** The additional environment of the export's finalize, which sends heartbeats. */
export function heartbeatEnvironment({ heartbeatParameter }: Settings): Record<string, string> {
  return heartbeatParameter === undefined ? {} : { HEARTBEAT_PARAMETER: heartbeatParameter };
}

/** The additional environment of the copy from another account. */
export function copyEnvironment({ tableArn, roleArn, externalId }: CopySettings): Record<string, string> {
  return {
    COPY_SOURCE_TABLE_ARN: tableArn,
    COPY_SOURCE_ROLE_ARN: roleArn,
    ...(externalId !== undefined && { COPY_SOURCE_EXTERNAL_ID: externalId }),
  };
}

/** The additional environment of the removal. */
export function retentionEnvironment({ snapshotRetention }: Settings): Record<string, string> {
  return snapshotRetention === undefined ? {} : { SNAPSHOT_RETENTION: snapshotRetention };
}
