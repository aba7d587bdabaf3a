/**
 * Goal: histories, definitions and logs of both Regions are encrypted with a key of the account, which each service may use
 * for them only.
 *
 * Method: read the templates, in all partitions.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PRIMARY, SECONDARY, Template, defaultStacks, readable, synthesise } from './synthesised';

/** The key of the runs, with its logical id. */
function runsKey(template: Template): [string, any] {
  const [[id, { Properties }] = assert.fail()] = template.ofType('AWS::KMS::Key').filter(([id]) => id.startsWith('RunsKey'));
  return [id, Properties];
}

const regions = () =>
  [
    [defaultStacks().runs, PRIMARY],
    [defaultStacks().secondary, SECONDARY],
  ] as const;

const arnOfMachine = (region: string, machine: string) =>
  `arn:aws:states:${region}:<AWS::AccountId>:stateMachine:cognito-backup-${machine}`;

test('every state machine and every log group of both Regions has the key of its Region', () => {
  for (const [template] of regions()) {
    const [id, { EnableKeyRotation }] = runsKey(template);
    assert.equal(EnableKeyRotation, true);
    const machines = template.all('AWS::StepFunctions::StateMachine');
    const logs = template.all('AWS::Logs::LogGroup');
    assert.ok(machines.length > 0 && logs.length > machines.length);
    for (const { EncryptionConfiguration } of machines) {
      assert.deepEqual(
        { ...EncryptionConfiguration, KmsKeyId: readable(EncryptionConfiguration.KmsKeyId) },
        { Type: 'CUSTOMER_MANAGED_KMS_KEY', KmsDataKeyReusePeriodSeconds: 900, KmsKeyId: `<${id}.Arn>` },
      );
    }
    logs.forEach(({ KmsKeyId, RetentionInDays }) => assert.deepEqual([readable(KmsKeyId), RetentionInDays], [`<${id}.Arn>`, 90]));
  }
});

test('the roles of the state machines may use the key for their own executions and for their logs', () => {
  for (const [template, region] of regions()) {
    const [id] = runsKey(template);
    for (const { StateMachineName, RoleArn } of template.all('AWS::StepFunctions::StateMachine')) {
      const machine = StateMachineName.slice('cognito-backup-'.length);
      const statements = template
        .statements(readable(RoleArn).slice(1).replace('.Arn>', ''))
        .filter(({ actions }) => actions.some((action) => action.startsWith('kms:')));
      const uses = statements.map(({ actions, resources, Condition }) => {
        assert.deepEqual(resources, [`<${id}.Arn>`]);
        const [[key, value] = assert.fail()] = Object.entries(Condition?.StringEquals ?? {});
        return [actions.join(), key, readable(value)];
      });
      const executions = (of: string) => [
        'kms:Decrypt,kms:GenerateDataKey',
        'kms:EncryptionContext:aws:states:stateMachineArn',
        arnOfMachine(region, of),
      ];
      assert.deepEqual(uses, [
        executions(machine),
        ['kms:GenerateDataKey', 'kms:EncryptionContext:SourceArn', `arn:aws:logs:${region}:<AWS::AccountId>:*`],
        // It starts the exports and waits for them.
        ...(machine === 'scheduled-exports' ? [executions('export')] : []),
      ]);
    }
  }
});

test('the schedule may start an execution that is encrypted', () => {
  const { runs } = defaultStacks();
  const use = runs.statements('SchedulesRole').find(({ actions }) => actions.includes('kms:GenerateDataKey'));
  const context = use?.Condition?.StringEquals?.['kms:EncryptionContext:aws:states:stateMachineArn'];
  assert.equal(readable(context), arnOfMachine(PRIMARY, 'scheduled-exports'));
});

test('the rule may start a removal that is encrypted', () => {
  const { runs } = defaultStacks();
  const use = runs.statements('RemovalStartRole').find(({ actions }) => actions.includes('kms:GenerateDataKey'));
  const context = use?.Condition?.StringEquals?.['kms:EncryptionContext:aws:states:stateMachineArn'];
  assert.equal(readable(context), arnOfMachine(PRIMARY, 'removal'));
});

test('CloudWatch Logs may use the key for log groups of this account only, and the delivery for logs only', () => {
  for (const [template, region] of regions()) {
    const [, { KeyPolicy }] = runsKey(template);
    const byId = new Map<string, any>(KeyPolicy.Statement.map((statement: any) => [statement.Sid, statement]));
    assert.deepEqual([...byId.keys()], ['AdministratorsManage', 'UseForExecutions', 'UseForLogs', 'DeliverLogs']);
    const logs = byId.get('UseForLogs');
    assert.equal(readable(logs.Principal.Service), `logs.${region}.<AWS::URLSuffix>`);
    assert.equal(
      readable(logs.Condition.ArnLike['kms:EncryptionContext:aws:logs:arn']),
      `arn:aws:logs:${region}:<AWS::AccountId>:log-group:*`,
    );
    const delivery = byId.get('DeliverLogs');
    assert.deepEqual([delivery.Action, delivery.Principal.Service], ['kms:Decrypt', 'delivery.logs.amazonaws.com']);
    assert.equal(
      readable(delivery.Condition.StringEquals['kms:EncryptionContext:SourceArn']),
      `arn:aws:logs:${region}:<AWS::AccountId>:*`,
    );
    assert.deepEqual(byId.get('UseForExecutions').Action, ['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey']);
  }
});

for (const [partition, pool, secondary] of [
  ['aws-cn', 'cn-north-1_AbCdEf123', 'cn-northwest-1'],
  ['aws-us-gov', 'us-gov-west-1_AbCdEf123', 'us-gov-east-1'],
  ['aws-eusc', 'eusc-de-east-1_AbCdEf123', 'none'],
] as const) {
  test(`in ${partition}, the key names services and ARNs of that partition`, () => {
    const { runs, deployment } = synthesise({ UserPoolIds: pool, SecondaryRegion: secondary });
    const [, { KeyPolicy }] = runsKey(runs);
    const logs = KeyPolicy.Statement.find(({ Sid }: any) => Sid === 'UseForLogs');
    const { region } = deployment.runs;
    assert.equal(readable(logs.Principal.Service), `logs.${region}.<AWS::URLSuffix>`);
    const arn = readable(logs.Condition.ArnLike['kms:EncryptionContext:aws:logs:arn']);
    assert.ok(
      [`arn:${partition}:logs:`, 'arn:<AWS::Partition>:logs:'].some((begin) => arn.startsWith(`${begin}${region}:`)),
      arn,
    );
  });
}
