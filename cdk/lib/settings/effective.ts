/**
 * The settings as a deployment records them in its account: with the names of the file and with every default, but
 * without personal data. So a later deployment can say what it changes.
 */

import { createHash } from 'node:crypto';

import { NO_PARAMETER } from './heartbeat';
import type { Settings } from './index';
import type { SettingName } from './reader';
import { NO_REGION } from './regions';

/** The value of a setting in the record. Null: the setting is not given and has no default. */
export type EffectiveValue = string | number | readonly string[] | null;

/** The settings in the record. */
export type EffectiveSettings = Readonly<Record<SettingName, EffectiveValue>>;

/** The length from which a list is recorded as a digest, in characters of its JSON. A parameter has 8 KB at most. */
const MAX_LIST_LENGTH = 800;

/** The settings of a deployment for the record. */
export function effectiveSettings(settings: Settings): EffectiveSettings {
  const yesOrNo = (value: boolean): string => (value ? 'YES' : 'NO');
  return {
    UserPoolIds: settings.userPoolIds,
    SecondaryRegion: settings.secondaryRegion ?? NO_REGION,
    FormerUserPoolIds: settings.formerUserPoolIds,
    PrimaryRegion: settings.primaryRegion,
    ExportFrequency: settings.exportSchedule.expression,
    ExportTimeZone: settings.exportSchedule.timeZone ?? null,
    ExportTimeoutDays: settings.exportTimeoutDays,
    ImportTimeoutDays: settings.importTimeoutDays,
    SnapshotMaxAgeHours: settings.snapshotMaxAgeHours ?? 0,
    SnapshotRetention: settings.snapshotRetention ?? null,
    SubMapRetention: settings.subMapRetention ?? null,
    CognitoTPS: settings.cognitoTps,
    QuotaHeadroom: settings.quotaHeadroom,
    SplitListing: yesOrNo(settings.splitListing),
    CaptureConfiguration: yesOrNo(settings.captureConfiguration),
    CaptureSecrets: yesOrNo(settings.captureSecrets),
    ConfigurationChangeAlarm: yesOrNo(settings.configurationChangeAlarm),
    NotificationEmail: hidden(settings.notificationEmail),
    SnsPreference: settings.snsPreference,
    HeartbeatParameter: settings.heartbeatParameter ?? NO_PARAMETER,
    RequirePoolTag: yesOrNo(settings.requirePoolTag),
    ImportTargets: short(settings.importTargets),
    RepairablePools: settings.repairablePools,
    GroupRoleArns: short(settings.groupRoleArns),
    // The name of a user of IAM may be that of a person.
    TrustedPrincipals: short(withoutUsers(settings.trustedPrincipals)),
    TrustedExternalId: hidden(settings.trustedExternalId),
    TrustedOrganization: settings.trustedOrganization ?? null,
    CopyFrom: settings.copyFrom?.tableArn ?? null,
    CopyFromRole: settings.copyFrom?.roleArn ?? null,
    CopyFromExternalId: hidden(settings.copyFrom?.externalId),
    CopyFrequency: settings.copyFrom?.schedule.expression ?? null,
    CloudTrail: yesOrNo(settings.cloudTrail),
    BackupVault: yesOrNo(settings.backupVaultRetentionDays !== undefined),
    BackupVaultRetentionDays: settings.backupVaultRetentionDays ?? null,
    BreakGlassRole: settings.breakGlassRole ?? null,
    KeyAdministrators: short(withoutUsers(settings.keyAdministrators)),
    AccessLogging: yesOrNo(settings.accessLogging),
    PermissionsBoundary: settings.permissionsBoundary ?? null,
    VpcSubnetIds: settings.vpc?.subnetIds ?? [],
    VpcSecurityGroupIds: settings.vpc?.securityGroupIds ?? [],
    SecondaryVpcSubnetIds: settings.secondaryVpc?.subnetIds ?? [],
    SecondaryVpcSecurityGroupIds: settings.secondaryVpc?.securityGroupIds ?? [],
    TableClass: settings.tableClass ?? 'STANDARD',
    // The text of a tag, such as the owner, may be the name of a person.
    Tags: short(Object.entries(settings.tags).map(([key, value]) => `${key}: ${hidden(value)}`)),
    LogRetentionDays: settings.logRetentionDays,
    Architecture: settings.architecture,
    Name: settings.name,
  };
}

/**
 * A value that is not recorded. Its digest shows a change. It has 16 bits only: so many values have the same one that
 * no reader of the record can find the value by trial.
 */
function hidden(value: string | undefined): string | null {
  return value === undefined ? null : `hidden, digest ${digest(value, 4)}`;
}

/** Hides the ARNs of users. */
function withoutUsers(principals: readonly string[]): string[] {
  return principals.map((principal) => (principal.includes(':user/') ? String(hidden(principal)) : principal));
}

function short(values: readonly string[]): readonly string[] | string {
  const text = JSON.stringify(values);
  return text.length > MAX_LIST_LENGTH ? `${values.length} values, digest ${digest(text, 16)}` : values;
}

function digest(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
