import { ArnFormat, Aws, Duration, RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib';
import * as backup from 'aws-cdk-lib/aws-backup';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { Alarms } from './alarms.construct';
import { keyPolicy, useForBackups } from './key-policy';
import { MessageRule, callPattern, callsAgainstKeys, whereTheCallerIs } from './message-rule.construct';
import { keyAliases, tableArn, vaultName } from './names';
import { viaService } from './partition';
import { Settings } from './settings';
import { StorageStack } from './storage.stack';

/**
 * The stack of the vault, in the Region of the pools: a daily backup of the table by AWS Backup, in a locked vault.
 *
 * The lock is in governance mode. No principal can delete a backup, or shorten its time, before a principal with the
 * permission for it removes the lock. In compliance mode none could, and a mistake would cost money for years.
 *
 * The vault and its key stay if the stack is deleted. AWS Backup does not delete a vault that holds backups.
 */
export class VaultStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, retentionDays: number, storage: StorageStack, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: backups of the backup table in a locked vault` });
    const removalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    const key = new kms.Key(this, 'Key', {
      alias: keyAliases(settings.name).vault,
      description: `Encrypts the backups of the table ${settings.name}`,
      enableKeyRotation: true,
      policy: keyPolicy(this, settings.keyAdministrators, useForBackups()),
      removalPolicy,
    });
    const retention = Duration.days(retentionDays);
    const vault = new backup.BackupVault(this, 'Vault', {
      backupVaultName: vaultName(settings.name),
      encryptionKey: key,
      // The vault refuses backups with another retention, such as none. The CDK wants the maximum to be greater than the
      // minimum. Without `changeableFor` the mode is governance.
      lockConfiguration: { minRetention: retention, maxRetention: retention.plus(Duration.days(1)) },
      removalPolicy,
    });
    const plan = new backup.BackupPlan(this, 'Plan', {
      backupPlanName: vaultName(settings.name),
      backupPlanRules: [
        new backup.BackupPlanRule({
          ruleName: 'daily',
          backupVault: vault,
          scheduleExpression: events.Schedule.cron({ hour: '5', minute: '0' }),
          deleteAfter: retention,
        }),
      ],
    });
    new backup.BackupSelection(this, 'Selection', {
      backupPlan: plan,
      backupSelectionName: vaultName(settings.name),
      resources: [backup.BackupResource.fromArn(tableArn(this, settings.name))],
      role: this.addRole(settings, key, storage.table.keyArn),
      disableDefaultBackupPolicy: true,
    });
    this.addMessages(settings, key, plan);
    new Alarms(this, 'Alarms', settings).addBackupsStoppedAlarm(vault.backupVaultName);
  }

  /**
   * The role of AWS Backup, with the permissions for tables in `AWSBackupServiceRolePolicyForBackup`, on this table only.
   * AWS Backup uses `CreateBackup` in accounts that have not turned on its advanced features for DynamoDB.
   */
  private addRole(settings: Settings, vaultKey: kms.Key, tableKeyArn: string): iam.Role {
    const role = new iam.Role(this, 'BackupRole', {
      assumedBy: new iam.ServicePrincipal('backup.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
      description: `Backs up the table ${settings.name}`,
    });
    const table = tableArn(this, settings.name);
    const allow = (sid: string, actions: string[], resource: string, conditions?: Record<string, Record<string, unknown>>) =>
      role.addToPolicy(new iam.PolicyStatement({ sid, actions, resources: [resource], conditions }));
    allow(
      'BackUpTheTable',
      ['StartAwsBackupJob', 'CreateBackup', 'DescribeTable', 'ListTagsOfResource'].map((action) => `dynamodb:${action}`),
      table,
    );
    allow('ManageItsBackups', ['dynamodb:DescribeBackup', 'dynamodb:DeleteBackup'], `${table}/backup/*`);
    acknowledge(role, `Resource::${table}/backup/*`, 'DynamoDB chooses the names of backups of the table.');
    allow('ReadTheTable', ['kms:Decrypt', 'kms:GenerateDataKey'], tableKeyArn, viaService(this, 'dynamodb'));
    allow('EncryptBackups', ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'], vaultKey.keyArn);
    allow('LetTheServiceEncrypt', ['kms:CreateGrant'], vaultKey.keyArn, { Bool: { 'kms:GrantIsForAWSResource': 'true' } });
    return role;
  }

  /** Messages about backups that fail or may stop, about a vault that loses its lock, and about a key that is in danger. */
  private addMessages({ name }: Settings, key: kms.Key, plan: backup.BackupPlan): void {
    const vault = vaultName(name);
    new MessageRule(this, 'BackupFailed', {
      name,
      danger: 'backup-failed',
      eventPattern: {
        source: ['aws.backup'],
        detailType: ['Backup Job State Change'],
        detail: { state: ['FAILED', 'ABORTED', 'EXPIRED'], backupVaultName: [vault] },
      },
      message: `The backup job ${events.EventField.fromPath('$.detail.backupJobId')} of the vault ${vault} ended as ${events.EventField.fromPath('$.detail.state')}.`,
    });
    new MessageRule(this, 'PlanChanged', {
      name,
      danger: 'backup-plan-changed',
      eventPattern: callPattern({
        service: 'backup',
        detail: {
          eventName: ['UpdateBackupPlan', 'DeleteBackupPlan', 'DeleteBackupSelection'],
          requestParameters: { backupPlanId: [plan.backupPlanId] },
        },
      }),
      message: `The backup plan of the vault ${vault} was changed, or deleted in part or whole. Backups may stop without a failure. ${whereTheCallerIs()}`,
    });
    const arn = this.formatArn({
      service: 'backup',
      resource: 'backup-vault',
      resourceName: vault,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    new MessageRule(this, 'VaultUnlocked', {
      name,
      danger: 'vault-unlocked',
      eventPattern: callPattern({
        service: 'backup',
        detail: {
          eventName: ['DeleteBackupVaultLockConfiguration', 'PutBackupVaultLockConfiguration'],
          requestParameters: { backupVaultName: [vault, arn] },
        },
      }),
      message: `The lock of the vault ${vault} was changed or removed. Its backups may be deleted now. ${whereTheCallerIs()}`,
    });
    new MessageRule(this, 'VaultKeyInDanger', {
      name,
      danger: 'vault-key-in-danger',
      eventPattern: callPattern(callsAgainstKeys([key.keyArn])),
      message: `The key of the vault ${vault} was disabled, or is going to be deleted. Without it, its backups cannot be read. ${whereTheCallerIs()}`,
    });
  }
}
