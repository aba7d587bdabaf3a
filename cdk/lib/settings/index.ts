/**
 * The settings of a deployment, checked before anything is synthesised.
 *
 * The operator writes them in a file: see `file.ts`. One error names all problems, and says for each what is
 * allowed. An unknown name is a problem, too.
 */

import { stackNames } from '../names';
import { readCapture } from './capture';
import { type VpcSettings, readCompany } from './company';
import { type CopySettings, readCopy } from './copy';
import { readHeartbeatParameter } from './heartbeat';
import { readEmail, readGroupRoles, readPrincipals, readTrustConditions } from './people';
import { readSourcePools, readTargets, sourcePools } from './pools';
import { readProtection } from './protection';
import { SettingReader, type SettingValues, SettingsError, addUnknownNames } from './reader';
import { readPrimaryRegion, readSecondaryRegion } from './regions';
import { readLogRetention, readSnapshotRetention } from './retention';
import { type Schedule, readMaxAge, readSchedule } from './schedule';
import { addSchemaProblems } from './schema';
import { readTimeouts } from './timeouts';

export { isAccountId } from './people';
export { copiedPools, importTargetsIn, regionOf, repairablePoolsIn, sourcePools } from './pools';
export { SETTING_NAMES, type SettingName, type SettingProblem, type SettingValues, SettingsError } from './reader';
export type { CopySettings } from './copy';
export type { Schedule } from './schedule';

/** What the names of stacks add to the name of their deployment. */
const STACK_ENDINGS = Object.values(stackNames('')).filter((ending) => ending !== '');

/** The checked settings of a deployment. */
export interface Settings {
  /** `Name`: the name of the table, and the beginning of every other name. */
  readonly name: string;
  /** `UserPoolIds`: the pools to export. Imports write to one only to repair it. */
  readonly userPoolIds: readonly string[];
  /** `FormerUserPoolIds`: pools that are not exported, but whose snapshots can be restored. */
  readonly formerUserPoolIds: readonly string[];
  /** `PrimaryRegion`: the Region of the exported pools, the table and the schedules. */
  readonly primaryRegion: string;
  /**
   * `SecondaryRegion`: the Region of the replica, and of imports if the primary Region is lost. Undefined: the
   * backup is in one Region.
   */
  readonly secondaryRegion?: string;
  /** `ExportFrequency` and `ExportTimeZone`. */
  readonly exportSchedule: Schedule;
  /** `ExportTimeoutDays`: how long an execution of the export may take. */
  readonly exportTimeoutDays: number;
  /** `ImportTimeoutDays`: how long an execution of an import may take. */
  readonly importTimeoutDays: number;
  /** `SnapshotMaxAgeHours`: the age of a pool's newest snapshot that starts the alarm. Undefined: none. */
  readonly snapshotMaxAgeHours?: number;
  /** `SnapshotRetention`: the snapshots to keep, `days=35,monthly=12` by default. Undefined: all. */
  readonly snapshotRetention?: string;
  /** `SubMapRetention`: the days for which the sub maps of restores are kept. Undefined: all of them stay. */
  readonly subMapRetention?: number;
  /** `CognitoTPS`: the calls to Cognito per second of a run whose input has no `tps`. */
  readonly cognitoTps: number;
  /** `QuotaHeadroom`: the share of each request quota that runs leave to other clients, in percent. */
  readonly quotaHeadroom: number;
  /** `SplitListing`: whether exports may split the listing of users without being asked to. */
  readonly splitListing: boolean;
  /** `CaptureConfiguration`: whether exports capture the configuration of the pool. */
  readonly captureConfiguration: boolean;
  /** `CaptureSecrets`: whether exports encrypt the secrets of a configuration that they capture, and keep them. */
  readonly captureSecrets: boolean;
  /** `ConfigurationChangeAlarm`: whether an alarm tells that the configuration of a pool has changed. */
  readonly configurationChangeAlarm: boolean;
  /** `LogRetentionDays`: how many days logs are kept. */
  readonly logRetentionDays: number;
  /**
   * `SnsPreference`: whether the topic gets messages about all runs, or only about failed and partial ones.
   */
  readonly snsPreference: 'INFO_AND_ERRORS' | 'ERRORS_ONLY';
  /** `HeartbeatParameter`: the name of the parameter with the address for heartbeats. Undefined: none are sent. */
  readonly heartbeatParameter?: string;
  /** `NotificationEmail`: the e-mail address that is subscribed to the topics. */
  readonly notificationEmail?: string;
  /**
   * `TrustedPrincipals`: the ids of accounts, and the ARNs of roles and users, that may read the backup from other
   * accounts.
   */
  readonly trustedPrincipals: readonly string[];
  /** `TrustedExternalId`: the external id that they give when they assume the reader role. */
  readonly trustedExternalId?: string;
  /** `TrustedOrganization`: the id of the organization that they belong to. */
  readonly trustedOrganization?: string;
  /** `CopyFrom`: the table of another account whose new snapshots are copied. Undefined: none. */
  readonly copyFrom?: CopySettings;
  /** `RequirePoolTag`: whether imports write only to pools with a tag. */
  readonly requirePoolTag: boolean;
  /**
   * `ImportTargets`: the pools that imports may write to, as ids or patterns. `*` alone means all pools. Empty: the tag
   * alone decides.
   */
  readonly importTargets: readonly string[];
  /**
   * `RepairablePools`: the source pools that imports in the primary Region may write to. Empty: the tag alone decides, or
   * none if no tag is required.
   */
  readonly repairablePools: readonly string[];
  /** `GroupRoleArns`: the roles that imports may give to groups. */
  readonly groupRoleArns: readonly string[];
  /** `CloudTrail`: whether the account has a trail that records management events in the Regions of the deployment. */
  readonly cloudTrail: boolean;
  /** `BackupVault` and `BackupVaultRetentionDays`: the days for which a vault keeps backups. Undefined: no vault. */
  readonly backupVaultRetentionDays?: number;
  /** `KeyAdministrators`: ARNs of the roles and users that administer the keys. Empty: IAM decides. */
  readonly keyAdministrators: readonly string[];
  /** `BreakGlassRole`: the ARN of the role that may delete the table. Undefined: the table has no policy. */
  readonly breakGlassRole?: string;
  /** `AccessLogging`: whether a trail records reads and writes of items. */
  readonly accessLogging: boolean;
  /** `PermissionsBoundary`: the ARN of the policy that limits all roles. Undefined: none. */
  readonly permissionsBoundary?: string;
  /** `VpcSubnetIds` and `VpcSecurityGroupIds`. Undefined: the functions of the primary Region are in no VPC. */
  readonly vpc?: VpcSettings;
  /** `SecondaryVpcSubnetIds` and `SecondaryVpcSecurityGroupIds`. Undefined: those of the secondary Region are in no VPC. */
  readonly secondaryVpc?: VpcSettings;
  /** `TableClass`. Undefined: the standard class, which is DynamoDB's default. */
  readonly tableClass?: 'STANDARD_INFREQUENT_ACCESS';
  /** `Tags`: tags for all resources and stacks, by name. */
  readonly tags: Readonly<Record<string, string>>;
  /** `Architecture` of the functions. */
  readonly architecture: 'x86_64' | 'arm64';
  /**
   * When a new schedule first fires. Undefined: at once. It is no setting of the file: the deployment decides it.
   */
  readonly firstExport?: Date;
  /**
   * Whether the table, and the stacks of what must stay, are protected from deletion. It is no setting of the file: the
   * first deployment ends with it, and later ones keep it.
   */
  readonly isProtected: boolean;
  /**
   * Whether the deployment adds the replica to a table that exists. It is no setting of the file: `npm run deploy` finds
   * it out.
   */
  readonly hasNewReplica?: boolean;
  /**
   * The ARN of the replica's key. Undefined: the table reads it from the stack of the key. It is no setting of the file:
   * `cdk import` needs it, because it does not document whether it reads another stack.
   */
  readonly replicaKeyArn?: string;
}

/**
 * Reads the settings of a deployment.
 *
 * @param values the values of the settings, by name, as they stand in the file
 * @throws SettingsError with every problem
 */
export function readSettings(values: SettingValues): Settings {
  const reader = new SettingReader(values);
  addUnknownNames(reader, values);

  const pools = readSourcePools(reader);
  const primaryRegion = readPrimaryRegion(reader, pools.userPoolIds);
  const secondaryRegion = readSecondaryRegion(reader, primaryRegion);
  const exportSchedule = readSchedule(reader);
  const settings: Settings = {
    isProtected: true,
    name: readName(reader),
    ...pools,
    primaryRegion,
    secondaryRegion,
    exportSchedule,
    ...readTimeouts(reader),
    snapshotMaxAgeHours: readMaxAge(reader, exportSchedule),
    snapshotRetention: readSnapshotRetention(reader),
    subMapRetention: reader.number('SubMapRetention'),
    cognitoTps: reader.number('CognitoTPS') ?? 10,
    quotaHeadroom: reader.number('QuotaHeadroom') ?? 10,
    splitListing: reader.oneOf('SplitListing') === 'YES',
    ...readCapture(reader),
    logRetentionDays: readLogRetention(reader),
    snsPreference: reader.oneOf('SnsPreference'),
    heartbeatParameter: readHeartbeatParameter(reader),
    notificationEmail: readEmail(reader),
    trustedPrincipals: readPrincipals(reader, primaryRegion),
    ...readTrustConditions(reader),
    copyFrom: readCopy(reader, { primaryRegion, secondaryRegion }, pools.formerUserPoolIds),
    ...readTargets(reader, [primaryRegion, secondaryRegion ?? []].flat(), sourcePools(pools)),
    groupRoleArns: readGroupRoles(reader, primaryRegion),
    ...readProtection(reader, primaryRegion),
    ...readCompany(reader, primaryRegion, secondaryRegion),
    architecture: reader.oneOf('Architecture'),
  };
  addSchemaProblems(reader, values);
  if (reader.problems.length > 0) {
    throw new SettingsError(reader.problems);
  }
  return settings;
}

function readName(reader: SettingReader): string {
  const name = reader.text('Name') ?? 'cognito-backup';
  if (!/^[a-z][a-z0-9-]{1,30}[a-z0-9]$/.test(name)) {
    reader.addProblem(
      'Name',
      'Use 3 to 32 lower-case letters, digits and hyphens. The first is a letter, and the last is not a hyphen.',
    );
  }
  // A deployment with such a name would replace a stack of the deployment without the ending.
  const ending = STACK_ENDINGS.find((end) => name.endsWith(end));
  if (ending !== undefined) {
    reader.addProblem('Name', `Use a name that does not end with ${ending}. Another deployment can have a stack of this name.`);
  }
  return name;
}
