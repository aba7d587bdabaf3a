/**
 * Goal: with one setting, AWS Backup keeps the table in a vault that an administrator cannot simply empty.
 *
 * Method: read the template of the vault's stack.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { CONTEXT_NAMES } from '../lib/context';
import { WORKSPACE } from '../lib/function-code';
import { CONTEXT, PRIMARY, Template, defaultStacks, readable, synthesise } from './synthesised';

const ARN = `arn:aws:dynamodb:${PRIMARY}:<AWS::AccountId>:table/cognito-backup`;
const KEPT = { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' };

const vault: () => Template = (() => {
  let template: Template | undefined;
  return () => (template ??= synthesise({ ...CONTEXT, BackupVault: 'YES' }).vault ?? assert.fail());
})();

test('without the setting there is no vault', () => {
  assert.equal(defaultStacks().vault, undefined);
});

test('the vault has its own key, is locked in governance mode, and stays with its key', () => {
  const [[, { Properties, ...policies }] = assert.fail()] = vault().ofType('AWS::Backup::BackupVault');
  assert.equal(Properties.BackupVaultName, 'cognito-backup-vault');
  const [[keyId, key] = assert.fail()] = vault().ofType('AWS::KMS::Key');
  assert.equal(readable(Properties.EncryptionKeyArn), `<${keyId}.Arn>`);
  assert.equal(key.Properties.EnableKeyRotation, true);
  // `ChangeableForDays` would make it compliance mode.
  assert.deepEqual(Properties.LockConfiguration, { MinRetentionDays: 35, MaxRetentionDays: 36 });
  for (const { DeletionPolicy, UpdateReplacePolicy } of [policies, key]) {
    assert.deepEqual({ DeletionPolicy, UpdateReplacePolicy }, KEPT);
  }
});

test('the plan takes a backup of the table, and of nothing else, every day', () => {
  const { BackupPlanRule: rules } = vault().only('AWS::Backup::BackupPlan').BackupPlan;
  assert.equal(rules.length, 1);
  assert.equal(rules[0].ScheduleExpression, 'cron(0 5 * * ? *)');
  assert.deepEqual(rules[0].Lifecycle, { DeleteAfterDays: 35 });
  const { BackupSelection: selection } = vault().only('AWS::Backup::BackupSelection');
  assert.deepEqual(selection.Resources.map(readable), [ARN]);
  assert.deepEqual(selection.ListOfTags, undefined);
});

test('the retention of backups is that of the setting, and the lock asks for it', () => {
  const { vault: changed } = synthesise({ ...CONTEXT, BackupVault: 'YES', BackupVaultRetentionDays: 90 });
  const { LockConfiguration } = changed?.only('AWS::Backup::BackupVault');
  assert.deepEqual(LockConfiguration, { MinRetentionDays: 90, MaxRetentionDays: 91 });
  const [rule] = changed?.only('AWS::Backup::BackupPlan').BackupPlan.BackupPlanRule;
  assert.deepEqual(rule.Lifecycle, { DeleteAfterDays: 90 });
});

test('the role of AWS Backup may only back up this table', () => {
  const role = vault().only('AWS::IAM::Role');
  assert.equal(role.ManagedPolicyArns, undefined);
  const [trust] = role.AssumeRolePolicyDocument.Statement;
  assert.deepEqual(trust.Principal, { Service: 'backup.amazonaws.com' });
  assert.deepEqual(Object.keys(trust.Condition.StringEquals), ['aws:SourceAccount']);
  const statements = vault().statements('BackupRole');
  const [[keyId] = assert.fail()] = vault().ofType('AWS::KMS::Key');
  const on = (resource: RegExp) =>
    statements
      .filter(({ resources }) => resources.every((arn) => resource.test(arn)))
      .flatMap(({ actions }) => actions)
      .sort();
  assert.deepEqual(on(new RegExp(`^${ARN}$`)), [
    'dynamodb:CreateBackup',
    'dynamodb:DescribeTable',
    'dynamodb:ListTagsOfResource',
    'dynamodb:StartAwsBackupJob',
  ]);
  assert.deepEqual(on(new RegExp(`^${ARN}/backup/\\*$`)), ['dynamodb:DeleteBackup', 'dynamodb:DescribeBackup']);
  assert.deepEqual(on(/BackupTableKey/), ['kms:Decrypt', 'kms:GenerateDataKey']);
  assert.deepEqual(on(new RegExp(`^<${keyId}\\.Arn>$`)), [
    'kms:CreateGrant',
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:GenerateDataKey',
  ]);
  assert.equal(statements.length, 5);
});

test('messages tell of backups that fail or may stop, of a vault that loses its lock, and of its key', () => {
  const rules = new Map(
    vault()
      .all('AWS::Events::Rule')
      .map((rule) => [rule.Name, rule]),
  );
  assert.deepEqual(
    [...rules.keys()].sort(),
    ['backup-failed', 'backup-plan-changed', 'vault-key-in-danger', 'vault-unlocked'].map((danger) => `cognito-backup-${danger}`),
  );
  const [[keyId] = assert.fail()] = vault().ofType('AWS::KMS::Key');
  const guide = readFileSync(join(WORKSPACE, 'docs', 'guides', 'operate.md'), 'utf8');
  for (const [name, { EventPattern, Targets }] of rules) {
    if (name.includes('key')) {
      assert.deepEqual(EventPattern.source, ['aws.kms']);
      assert.deepEqual(EventPattern.detail.resources.ARN.map(readable), [`<${keyId}.Arn>`]);
    } else if (name.includes('plan')) {
      assert.deepEqual(EventPattern.source, ['aws.backup']);
      const [[planId] = assert.fail()] = vault().ofType('AWS::Backup::BackupPlan');
      assert.deepEqual(EventPattern.detail.requestParameters.backupPlanId.map(readable), [`<${planId}.BackupPlanId>`]);
    } else {
      assert.deepEqual(EventPattern.source, ['aws.backup']);
      const { backupVaultName } = EventPattern.detail.requestParameters ?? EventPattern.detail;
      assert.equal(backupVaultName[0], 'cognito-backup-vault');
    }
    assert.equal(readable(Targets[0].Arn), `arn:aws:sns:${PRIMARY}:<AWS::AccountId>:cognito-backup`);
    assert.ok(guide.includes(`| \`${name.slice('cognito-backup-'.length)}\` |`), name);
  }
});

test('an alarm rings if no backup comes for two days, although none has failed', () => {
  const alarm = vault().only('AWS::CloudWatch::Alarm');
  assert.equal(alarm.AlarmName, 'cognito-backup-backups-stopped');
  assert.deepEqual([alarm.Namespace, alarm.MetricName, alarm.Statistic], ['AWS/Backup', 'NumberOfBackupJobsCompleted', 'Sum']);
  const [{ Name, Value }, ...others] = alarm.Dimensions;
  assert.equal(others.length, 0);
  const [[vaultId] = assert.fail()] = vault().ofType('AWS::Backup::BackupVault');
  assert.deepEqual([Name, readable(Value)], ['BackupVaultName', `<${vaultId}.BackupVaultName>`]);
  // Each hour without a completed job breaches, also an hour without a measurement.
  assert.deepEqual([alarm.ComparisonOperator, alarm.Threshold], ['LessThanThreshold', 1]);
  assert.equal(alarm.TreatMissingData, 'breaching');
  assert.equal(alarm.Period * alarm.EvaluationPeriods, 48 * 3600);
  assert.equal(alarm.DatapointsToAlarm, undefined);
  assert.ok(alarm.Period * alarm.EvaluationPeriods <= 7 * 24 * 3600, 'the limit of CloudWatch');
  assert.deepEqual(alarm.AlarmActions.map(readable), [`arn:aws:sns:${PRIMARY}:<AWS::AccountId>:cognito-backup`]);
  const guide = readFileSync(join(WORKSPACE, 'docs', 'guides', 'operate.md'), 'utf8');
  assert.ok(guide.includes('| `backups-stopped` |'));
});

test('the stack of the vault is protected from termination like the table, also in one Region', () => {
  const values = { ...CONTEXT, BackupVault: 'YES', SecondaryRegion: 'none' };
  for (const [value, isProtected] of [
    ['ON', true],
    ['OFF', false],
  ] as const) {
    const { deployment } = synthesise(values, undefined, { [CONTEXT_NAMES.protected]: value });
    assert.equal(deployment.vault?.terminationProtection, isProtected);
    assert.deepEqual(deployment.vault?.dependencies.map(({ stackName }) => stackName).sort(), [
      'cognito-backup',
      'cognito-backup-runs',
    ]);
  }
});

test('cdk import can take the vault and its key back, because they refer to nothing else', () => {
  const guide = readFileSync(join(WORKSPACE, 'docs', 'reference', 'deployment.md'), 'utf8');
  const ids = ['AWS::Backup::BackupVault', 'AWS::KMS::Key'].flatMap((type) =>
    vault()
      .ofType(type)
      .map(([id]) => id),
  );
  assert.equal(ids.length, 2);
  for (const id of ids) {
    assert.ok(guide.includes(`"${id}"`), id);
    const text = JSON.stringify(vault().json.Resources[id]);
    assert.doesNotMatch(text, /"(Condition":"|DependsOn":|Fn::(If|ImportValue|FindInMap)":)/);
    const references = [...text.matchAll(/"(?:Ref|Fn::GetAtt)":\[?"([^"]+)"/g)].map(([, name = '']) => name);
    assert.deepEqual(
      references.filter((name) => !name.startsWith('AWS::') && !ids.includes(name)),
      [],
    );
  }
});
