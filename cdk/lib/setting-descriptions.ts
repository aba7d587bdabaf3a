/**
 * The settings of a deployment: names, defaults and meanings, in Markdown. A test renders
 * `docs/reference/settings.md` from them.
 */

/**
 * The values that a setting can have.
 *
 * - `text`: any text. The reader of the setting checks its form.
 * - `list`: a list of texts, or a text with commas. The reader checks the form of its members.
 * - `map`: names, each with a text. The reader checks the form of both.
 * - `from` and `to`: a whole number between these bounds, both included.
 * - `oneOf`: one of these words. The first one is the default.
 */
export type SettingValue =
  'text' | 'list' | 'map' | { readonly from: number; readonly to: number } | { readonly oneOf: readonly [string, ...string[]] };

/** What the schema and the reference say about a setting. */
export interface SettingDescription {
  readonly value: SettingValue;
  /** The value if the setting is not given. */
  readonly default: string;
  readonly meaning: string;
}

/** The settings, in the order in which the reference lists them. */
export const SETTINGS = {
  UserPoolIds: {
    value: 'list',
    default: 'required, or `FormerUserPoolIds` with `PrimaryRegion`',
    meaning: 'The pools to export, all in one Region: a list, or a text with commas.',
  },
  SecondaryRegion: {
    value: 'text',
    default: 'required',
    meaning:
      'The Region of the replica, and of imports if the primary Region is lost. `none` for a first try in one Region: then the deployment warns. A Region can be added later, and then it stays.',
  },
  FormerUserPoolIds: {
    value: 'list',
    default: 'none',
    meaning:
      'Pools that exports no longer read, or never read, but whose snapshots imports may restore. With `CopyFrom`, their new snapshots are copied. Both lists together hold at most 20 pools.',
  },
  PrimaryRegion: {
    value: 'text',
    default: 'the Region of the pools',
    meaning: 'The Region to deploy to. Required if `UserPoolIds` is empty.',
  },
  ExportFrequency: {
    value: 'text',
    default: '`EVERY_DAY`',
    meaning:
      '`EVERY_HOUR`, `EVERY_DAY`, `EVERY_7_DAYS`, `EVERY_30_DAYS`, a rate of 15 minutes or more such as `rate(12 hours)`, or a cron expression of EventBridge Scheduler such as `cron(30 2 * * ? *)`. A rate has no fixed time of day: a deployment can move it.',
  },
  ExportTimeZone: {
    value: 'text',
    default: '`UTC`',
    meaning: 'The time zone of a cron expression, such as `Europe/Berlin`.',
  },
  ExportTimeoutDays: {
    // Step Functions ends every execution after a year.
    // Source: "Quotas related to state machine executions", Step Functions developer guide.
    value: { from: 1, to: 365 },
    default: '7',
    meaning:
      'The days after which Step Functions ends an execution of the export: 1 to 365. The export is then recorded as failed.',
  },
  ImportTimeoutDays: {
    value: { from: 1, to: 365 },
    default: '60',
    meaning:
      'The days after which Step Functions ends an execution of an import: 1 to 365. The import is then recorded as failed, and the same import started again continues it.',
  },
  SnapshotMaxAgeHours: {
    value: { from: 0, to: 2160 },
    default: '1½ periods between exports',
    meaning:
      'The alarm starts when the newest sealed snapshot of a pool is older than this number of hours: 1 to 2160, or 0 for no alarm. Required with a cron expression.',
  },
  SnapshotRetention: {
    value: 'text',
    default: '`days=35,monthly=12`',
    meaning:
      'The snapshots to keep: see [retention](../concepts/retention.md). After each sealed snapshot, a function with a role of its own removes the others. `none` keeps every snapshot. Then no function may remove anything.',
  },
  SubMapRetention: {
    value: { from: 90, to: 3650 },
    default: 'imports keep every sub map',
    meaning:
      'The days for which the [sub maps](../concepts/restores.md#the-sub-map) of restores are kept: 90 to 3650. They hold usernames. It counts for what imports write from then on. An import whose input has `subMapRetention` keeps its sub map for that time instead. If an import continues an older restore, its whole sub map gets the new time.',
  },
  CognitoTPS: {
    value: { from: 1, to: 200 },
    default: '10',
    meaning: 'Cognito calls per second of a run whose input sets no limit: 1 to 200.',
  },
  QuotaHeadroom: {
    value: { from: 0, to: 90 },
    default: '10',
    meaning:
      "The share of each of Cognito's request quotas that a run leaves to other clients, in percent: 0 to 90. It matters only if the TPS is above a quota: see [pacing](../concepts/pacing.md).",
  },
  SplitListing: {
    value: { oneOf: ['NO', 'YES'] },
    default: '`NO`',
    meaning:
      '`YES`: exports may list users by [sixteen listings at once](../decisions.md#sixteen-listings-at-once-with-proof) if one listing would take over five minutes. `NO`: only exports whose input says `splitListing`. An export with `captureMfa`, or without an earlier sealed snapshot, never splits.',
  },
  CaptureConfiguration: {
    value: { oneOf: ['NO', 'YES'] },
    default: '`NO`',
    meaning:
      '`YES`: exports capture the [configuration of the pool](../concepts/snapshots.md#the-configuration-of-the-pool). `pool show` and `pool diff` show and compare a captured configuration. `pool create` and `pool apply` bring it back.',
  },
  CaptureSecrets: {
    value: { oneOf: ['YES', 'NO'] },
    default: '`YES`',
    meaning:
      '`YES`: with `CaptureConfiguration=YES`, the deployment makes two multi-Region keys of KMS, and exports encrypt [secrets](../concepts/snapshots.md#secrets-of-the-configuration) and keep them. `NO`: exports leave secrets out. The keys of an earlier deployment stay, because older snapshots need them.',
  },
  ConfigurationChangeAlarm: {
    value: { oneOf: ['NO', 'YES'] },
    default: '`NO`',
    meaning:
      '`YES`: an alarm for each pool starts if an export finds that the [configuration has changed](../guides/operate.md#find-a-configuration-change) since the snapshot before. It needs `CaptureConfiguration=YES`.',
  },
  NotificationEmail: {
    value: 'text',
    default: 'none',
    meaning: 'The address that gets the messages about runs and alarms. Without it, the deployment warns.',
  },
  SnsPreference: {
    value: { oneOf: ['INFO_AND_ERRORS', 'ERRORS_ONLY'] },
    default: '`INFO_AND_ERRORS`',
    meaning:
      '`INFO_AND_ERRORS`: messages about every run. `ERRORS_ONLY`: only about failed runs and partial restores. Alarms send messages in either case.',
  },
  HeartbeatParameter: {
    value: 'text',
    default: '`none`',
    meaning:
      'The name of a SecureString parameter of Systems Manager in the Region of the pools. It holds an address with `https:`, which an export calls after each sealed snapshot: see [heartbeat](../guides/operate.md#a-heartbeat).',
  },
  RequirePoolTag: {
    value: { oneOf: ['YES', 'NO'] },
    default: '`YES`',
    meaning:
      '`YES`: imports write only to pools with the [tag](../guides/deploy.md#allow-a-restore) `cognito-backup=target` or `cognito-backup=repair`, and [repair](../guides/repair.md) only source pools with the latter. The roles compare the tag, too. `NO`: they write only to pools in `ImportTargets` and `RepairablePools`, at least one of which is then required.',
  },
  ImportTargets: {
    value: 'list',
    default: 'none: the tag decides',
    meaning:
      'The only pools that imports may write to: ids, with or without asterisks, such as `eu-west-1_AbCdEf123` or `eu-central-1_*`; at least one in each Region. `*` alone means every pool that is not a source. With `RequirePoolTag=YES`, a pool also needs the tag.',
  },
  RepairablePools: {
    value: 'list',
    default: 'none: the tag decides',
    meaning:
      'The only source pools in the primary Region that imports may [repair](../guides/repair.md). With `RequirePoolTag=YES`, a pool also needs the tag. With `NO`, set it for a repair, and remove it afterwards.',
  },
  GroupRoleArns: {
    value: 'list',
    default: 'none',
    meaning:
      'The IAM roles of groups. Cognito gives a group a role only if the caller may pass it. So if groups of a snapshot have roles, name the roles here.',
  },
  TrustedPrincipals: {
    value: 'list',
    default: 'none',
    meaning:
      'Account ids, and ARNs of roles and users, that may read the backup for [imports in other accounts](../guides/deploy.md#allow-another-account-to-read).',
  },
  TrustedExternalId: {
    value: 'text',
    default: 'none',
    meaning:
      'The external id that these principals must give when they assume the reader role. It is no secret. Required in `copy` as `--from-external-id`, if it is set.',
  },
  TrustedOrganization: {
    value: 'text',
    default: 'none',
    meaning: 'The id of the AWS organization that these principals must belong to, such as `o-a1b2c3d4e5`.',
  },
  CopyFrom: {
    value: 'text',
    default: 'none',
    meaning:
      'The ARN of the backup table of another account, such as `arn:aws:dynamodb:eu-west-1:111122223333:table/cognito-backup`. The deployment then [copies each new snapshot](../guides/cross-account.md#copy-every-snapshot) of the pools in `FormerUserPoolIds` into its own table.',
  },
  CopyFromRole: {
    value: 'text',
    default: 'the reader role of that deployment',
    meaning: 'The ARN of the role of the other account that reads that table.',
  },
  CopyFromExternalId: {
    value: 'text',
    default: 'none',
    meaning: 'The `TrustedExternalId` of that deployment, if it has one.',
  },
  CopyFrequency: {
    value: 'text',
    default: '`EVERY_HOUR`',
    meaning: 'When copies start, with the values of `ExportFrequency`. A cron expression is in UTC.',
  },
  CloudTrail: {
    value: { oneOf: ['NO', 'YES'] },
    default: '`NO`',
    meaning:
      '`YES`: the account has a trail of CloudTrail that records management events in all Regions of the deployment. Without a trail, no message tells of [calls that put the backup in danger](../guides/operate.md#the-backup-is-in-danger), and the deployment warns.',
  },
  BackupVault: {
    value: { oneOf: ['NO', 'YES'] },
    default: '`NO`',
    meaning:
      '`YES`: AWS Backup takes a backup of the table every day, and keeps it in a [locked vault](deployment.md#the-vault) with its own key. AWS bills it. `NO` after `YES`: delete the stack `…-vault` yourself.',
  },
  BackupVaultRetentionDays: {
    value: { from: 1, to: 3650 },
    default: '35',
    meaning: 'With `BackupVault=YES`: the days for which the vault keeps each backup: 1 to 3650.',
  },
  BreakGlassRole: {
    value: 'text',
    default: 'none',
    meaning:
      'The ARN of the one role that may delete the table and its replica, and change their point-in-time recovery. With it, [protecting the table](../guides/deploy.md#protect-the-table) puts a policy on both. Without it, they have no policy, and the deployment warns.',
  },
  KeyAdministrators: {
    value: 'list',
    default: 'IAM decides',
    meaning:
      'The ARNs of the roles and users that may administer the [keys of the backup](../security.md#keys-and-secrets), with or without asterisks. The root user and the deployment role of the CDK may, too. This gives no use of a key.',
  },
  AccessLogging: {
    value: { oneOf: ['NO', 'YES'] },
    default: '`NO`',
    meaning:
      '`YES`: a trail of CloudTrail records [who reads and writes](../security.md#who-read-the-backup) items of the table and its replica, in a bucket of its own, for `LogRetentionDays`. AWS bills [every event](cost.md#the-log-of-reads). `NO` after `YES`: delete the stack `…-access-log` yourself.',
  },
  PermissionsBoundary: {
    value: 'text',
    default: 'none',
    meaning:
      'The ARN of a policy of IAM that limits every role of the deployment, such as `arn:aws:iam::111122223333:policy/boundary`. It gives no permission. If it lacks one that a role needs, runs fail with `AccessDenied`.',
  },
  VpcSubnetIds: {
    value: 'list',
    default: 'no VPC',
    meaning:
      'The subnets of the primary Region in which the functions run. They must reach [these endpoints](../guides/deploy.md#functions-in-a-vpc). Required with `VpcSecurityGroupIds`.',
  },
  VpcSecurityGroupIds: {
    value: 'list',
    default: 'no VPC',
    meaning: 'The security groups of the functions in the primary Region, one to five. Required with `VpcSubnetIds`.',
  },
  SecondaryVpcSubnetIds: {
    value: 'list',
    default: 'no VPC',
    meaning:
      'The subnets of the secondary Region, for the functions of its imports. Required with `VpcSubnetIds`, if there is a secondary Region.',
  },
  SecondaryVpcSecurityGroupIds: {
    value: 'list',
    default: 'no VPC',
    meaning: 'The security groups of the functions in the secondary Region, one to five. Required with `SecondaryVpcSubnetIds`.',
  },
  TableClass: {
    value: { oneOf: ['STANDARD', 'STANDARD_INFREQUENT_ACCESS'] },
    default: '`STANDARD`',
    meaning:
      'The class of the table and its replica. `STANDARD_INFREQUENT_ACCESS` costs less for what is stored, and more for each read and write: see [cost](cost.md#the-class-of-the-table). DynamoDB allows two changes in 30 days.',
  },
  Tags: {
    value: 'map',
    default: 'none',
    meaning:
      'Tags for every resource and stack of the deployment, beside its own tag `application`: names with texts, such as `cost-center: "4711"`. At most 40.',
  },
  LogRetentionDays: {
    value: { from: 1, to: 3653 },
    default: '90',
    meaning: 'The days for which CloudWatch Logs keeps logs: 1, 3, 5, 7, 14, 30, 60, 90, … 3653.',
  },
  Architecture: {
    value: { oneOf: ['x86_64', 'arm64'] },
    default: '`x86_64`',
    meaning: '`x86_64`, with which the project is tested, or `arm64`, which costs less.',
  },
  Name: {
    value: 'text',
    default: '`cognito-backup`',
    meaning:
      'The name of the table, and the beginning of every other name. If you choose another name, give it to the command line as `--table`.',
  },
} as const satisfies Record<string, SettingDescription>;
