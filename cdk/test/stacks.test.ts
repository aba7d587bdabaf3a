import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONTEXT, EMAIL, POOLS, PRIMARY, SECONDARY, readable, synthesise, defaultStacks, Template } from './synthesised';

/** A resource that stays if its stack is deleted, and if the deployment that creates it fails. */
const KEPT = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' };

/** The same, but a failed first deployment tries to delete it. Deletion protection refuses this. */
const KEPT_BY_PROTECTION = { ...KEPT, DeletionPolicy: 'RetainExceptOnCreate' };

test('the table has a replica, its own keys, point-in-time recovery and deletion protection', () => {
  const { primary } = defaultStacks();
  const [[, table] = assert.fail()] = primary.ofType('AWS::DynamoDB::GlobalTable');
  const { Properties: properties, DeletionPolicy, UpdateReplacePolicy } = table;
  assert.deepEqual({ DeletionPolicy, UpdateReplacePolicy }, KEPT_BY_PROTECTION);
  assert.equal(properties.TableName, 'cognito-backup');
  assert.equal(properties.BillingMode, 'PAY_PER_REQUEST');
  assert.deepEqual(properties.KeySchema, [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ]);
  assert.deepEqual(properties.AttributeDefinitions, [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
  ]);
  assert.deepEqual(properties.SSESpecification, { SSEEnabled: true, SSEType: 'KMS' });
  const replicas = new Map<string, any>(properties.Replicas.map((replica: any) => [replica.Region, replica]));
  assert.deepEqual([...replicas.keys()].sort(), [SECONDARY, PRIMARY].sort());
  for (const replica of replicas.values()) {
    assert.equal(replica.DeletionProtectionEnabled, true);
    assert.deepEqual(replica.PointInTimeRecoverySpecification, { PointInTimeRecoveryEnabled: true });
  }
  const keyOf = (region: string) => readable(replicas.get(region).SSESpecification.KMSMasterKeyId);
  assert.match(keyOf(PRIMARY), /^<BackupTableKey.*\.Arn>$/);
  assert.equal(keyOf(SECONDARY), `arn:aws:kms:${SECONDARY}:<AWS::AccountId>:alias/cognito-backup-table`);
});

test("the table's keys rotate and stay, and the replica's key has the alias that the table names", () => {
  const { primary, secondaryKey, deployment } = defaultStacks();
  for (const template of [primary, secondaryKey]) {
    const keys = template.ofType('AWS::KMS::Key').filter(([id]) => id.includes('TableKey'));
    assert.equal(keys.length, 1);
    keys.forEach(([, { Properties, DeletionPolicy, UpdateReplacePolicy }]) => {
      assert.equal(Properties.EnableKeyRotation, true);
      assert.deepEqual({ DeletionPolicy, UpdateReplacePolicy }, KEPT);
    });
    assert.ok(template.all('AWS::KMS::Alias').some((alias) => alias.AliasName === 'alias/cognito-backup-table'));
  }
  assert.deepEqual(deployment.secondaryKey.region, SECONDARY);
  assert.deepEqual(deployment.primary.dependencies, [deployment.secondaryKey]);
  assert.ok(deployment.secondary.dependencies.includes(deployment.primary));
});

test('every function has its executable, its memory, its timeout, its logs and its storage', () => {
  const { primary, secondary } = defaultStacks();
  const names = (template: typeof primary) => template.all('AWS::Lambda::Function').map((properties) => properties.FunctionName);
  const imports = ['enumerate', 'page', 'finalize'].map((step) => `cognito-backup-import-${step}`);
  assert.deepEqual(names(primary).sort(), [...imports, ...imports.map((name) => name.replace('import', 'export'))].sort());
  assert.deepEqual(names(secondary).sort(), [...imports].sort());

  const logGroups = [...primary.ofType('AWS::Logs::LogGroup'), ...secondary.ofType('AWS::Logs::LogGroup')];
  logGroups.forEach(([, { Properties }]) => assert.equal(Properties.RetentionInDays, 90));
  for (const properties of [...primary.all('AWS::Lambda::Function'), ...secondary.all('AWS::Lambda::Function')]) {
    assert.equal(properties.Runtime, 'provided.al2023');
    assert.deepEqual(properties.Architectures, ['x86_64']);
    assert.equal(properties.MemorySize, 256);
    assert.equal(properties.Timeout, 900);
    assert.deepEqual(properties.TracingConfig, { Mode: 'Active' });
    const logGroup = properties.LoggingConfig.LogGroup.Ref;
    assert.equal(
      logGroups.find(([id]) => id === logGroup)?.[1].Properties.LogGroupName,
      `/aws/lambda/${properties.FunctionName}`,
    );
    const isImportPage = properties.FunctionName.endsWith('-import-page');
    assert.deepEqual(properties.EphemeralStorage, isImportPage ? { Size: 512 } : undefined);
  }
});

test('no function reserves concurrency, with one pool or several', () => {
  const onePool = synthesise({ ...CONTEXT, UserPoolIds: POOLS[0] });
  for (const { primary, secondary } of [defaultStacks(), onePool]) {
    for (const template of [primary, secondary]) {
      const functions = template.all('AWS::Lambda::Function');
      assert.ok(functions.length >= 3);
      functions.forEach((properties) =>
        assert.equal(properties.ReservedConcurrentExecutions, undefined, properties.FunctionName),
      );
    }
  }
});

test('the environment of a function has the variables that it needs, and no others', () => {
  const { primary, secondary } = defaultStacks();
  for (const template of [primary, secondary]) {
    const topic = template.ofType('AWS::SNS::Topic')[0]?.[0];
    const common = { BACKUP_TABLE_NAME: 'cognito-backup', COGNITO_TPS: '10' };
    const enumerate = { ...common, QUOTA_HEADROOM: '10', SPLIT_LISTING: 'NO' };
    const finalize = { ...common, NOTIFICATION_TOPIC_ARN: `<${topic}>`, SNS_PREFERENCE: 'INFO_AND_ERRORS' };
    for (const properties of template.all('AWS::Lambda::Function')) {
      const name: string = properties.FunctionName;
      const found = Object.entries(properties.Environment.Variables).map(([variable, value]) => [variable, readable(value)]);
      const { IMPORT_JOB_LOG_ROLE_ARN: logRole, ...rest } = Object.fromEntries(found);
      const exportPage = { ...common, CAPTURE_CONFIGURATION: 'NO' };
      const others = name.endsWith('-export-page') ? exportPage : common;
      const expected = name.endsWith('-finalize') ? finalize : name.endsWith('-enumerate') ? enumerate : others;
      assert.deepEqual(rest, expected, name);
      assert.equal(/^<ImportJobLogRole.*\.Arn>$/.test(logRole ?? ''), name.endsWith('-import-page'), name);
    }
  }
});

test('only finalize of the export has the retention in its environment', () => {
  const { primary, secondary } = synthesise({ ...CONTEXT, SnapshotRetention: 'days=35, monthly=12' });
  for (const template of [primary, secondary]) {
    for (const { FunctionName, Environment } of template.all('AWS::Lambda::Function')) {
      const expected = FunctionName === 'cognito-backup-export-finalize' ? 'days=35,monthly=12' : undefined;
      assert.equal(Environment?.Variables.SNAPSHOT_RETENTION, expected, FunctionName);
    }
  }
});

test('only enumerate of the import has the retention of sub maps in its environment', () => {
  const { primary, secondary } = synthesise({ ...CONTEXT, SubMapRetention: '400' });
  for (const template of [primary, secondary]) {
    for (const { FunctionName, Environment } of template.all('AWS::Lambda::Function')) {
      const expected = FunctionName === 'cognito-backup-import-enumerate' ? '400' : undefined;
      assert.equal(Environment?.Variables.SUB_MAP_RETENTION, expected, FunctionName);
    }
  }
});

test('the table deletes items whose time has come', () => {
  const [table] = defaultStacks().primary.all('AWS::DynamoDB::GlobalTable');
  assert.deepEqual(table.TimeToLiveSpecification, { AttributeName: 'expiresAt', Enabled: true });
});

test('settings reach the functions', () => {
  const { primary } = synthesise({
    ...CONTEXT,
    Name: 'people',
    CognitoTPS: 25,
    LogRetentionDays: 7,
    SnsPreference: 'ERRORS_ONLY',
    Architecture: 'arm64',
  });
  const finalize = primary.lambda('people-export-finalize');
  assert.deepEqual(finalize.Architectures, ['arm64']);
  assert.equal(finalize.Environment.Variables.COGNITO_TPS, '25');
  assert.equal(finalize.Environment.Variables.SNS_PREFERENCE, 'ERRORS_ONLY');
  assert.equal(finalize.Environment.Variables.BACKUP_TABLE_NAME, 'people');
  primary.all('AWS::Logs::LogGroup').forEach((group) => assert.equal(group.RetentionInDays, 7));
  assert.deepEqual(
    primary.all('AWS::StepFunctions::StateMachine').map((machine) => machine.StateMachineName),
    ['people-export', 'people-import'],
  );
});

test('the state machines have the definitions in statemachines/, every substitution, logs and traces', () => {
  const { primary, secondary } = defaultStacks();
  const machines = [...primary.all('AWS::StepFunctions::StateMachine'), ...secondary.all('AWS::StepFunctions::StateMachine')];
  assert.deepEqual(
    machines.map((machine) => machine.StateMachineName),
    ['cognito-backup-export', 'cognito-backup-import', 'cognito-backup-import'],
  );
  for (const machine of machines) {
    const placeholders = new Set([...machine.DefinitionString.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    assert.deepEqual(new Set(Object.keys(machine.DefinitionSubstitutions)), placeholders);
    assert.equal(JSON.parse(machine.DefinitionString).States[JSON.parse(machine.DefinitionString).StartAt].Type, 'Task');
    assert.deepEqual(machine.TracingConfiguration, { Enabled: true });
    const { Level, IncludeExecutionData, Destinations } = machine.LoggingConfiguration;
    assert.deepEqual([Level, IncludeExecutionData, Destinations.length], ['ALL', false, 1]);
  }
  const { EnumerateFunctionArn, FinalizeFunctionArn } = machines[0].DefinitionSubstitutions;
  assert.match(readable(EnumerateFunctionArn), /^<ExportEnumerate/);
  assert.match(readable(FinalizeFunctionArn), /^<ExportFinalize/);
  assert.match(readable(machines[1].DefinitionSubstitutions.EnumerateFunctionArn), /^<ImportEnumerate/);
});

/** The schedules that start exports. */
const exportSchedules = (template: Template): any[] =>
  template.all('AWS::Scheduler::Schedule').filter((schedule) => !schedule.Name.endsWith('-snapshot-ages'));

test('every pool has a schedule, and all share a queue for exports that could not be started', () => {
  const { primary } = defaultStacks();
  const schedules = exportSchedules(primary);
  assert.deepEqual(
    schedules.map((schedule) => [schedule.Name, JSON.parse(schedule.Target.Input)]),
    POOLS.map((pool) => [`cognito-backup-${pool}`, { userPoolId: pool }]),
  );
  const [queueId] = primary.ofType('AWS::SQS::Queue')[0] ?? assert.fail();
  for (const schedule of schedules) {
    assert.equal(schedule.ScheduleExpression, 'rate(1 day)');
    assert.equal(schedule.State, 'ENABLED');
    assert.match(readable(schedule.Target.Arn), /^<ExportRunStateMachine/);
    assert.equal(readable(schedule.Target.DeadLetterConfig.Arn), `<${queueId}.Arn>`);
    assert.deepEqual(schedule.Target.RetryPolicy, { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 });
  }
  const queue = primary.only('AWS::SQS::Queue');
  assert.equal(queue.SqsManagedSseEnabled, true);
  assert.equal(queue.MessageRetentionPeriod, 14 * 24 * 3600);
});

test('a cron expression keeps its time zone', () => {
  const { primary } = synthesise({
    ...CONTEXT,
    ExportFrequency: 'cron(30 2 * * ? *)',
    ExportTimeZone: 'Europe/Berlin',
    SnapshotMaxAgeHours: 30,
  });
  for (const schedule of exportSchedules(primary)) {
    assert.deepEqual([schedule.ScheduleExpression, schedule.ScheduleExpressionTimezone], ['cron(30 2 * * ? *)', 'Europe/Berlin']);
  }
});

test('topics have their own keys, accept alarms, and send to the given e-mail address', () => {
  const { primary, secondary } = defaultStacks();
  for (const template of [primary, secondary]) {
    assert.match(readable(template.only('AWS::SNS::Topic').KmsMasterKeyId), /^<NotificationsKey/);
    const { Protocol, Endpoint } = template.only('AWS::SNS::Subscription');
    assert.deepEqual([Protocol, Endpoint], ['email', EMAIL]);
    const statements = [
      ...template.only('AWS::SNS::TopicPolicy').PolicyDocument.Statement,
      ...template
        .ofType('AWS::KMS::Key')
        .flatMap(([id, key]) => (id.startsWith('Not') ? key.Properties.KeyPolicy.Statement : [])),
    ];
    const alarmStatements = statements.filter((statement) => statement.Principal?.Service === 'cloudwatch.amazonaws.com');
    assert.deepEqual(alarmStatements.flatMap((statement) => statement.Action).sort(), [
      'kms:Decrypt',
      'kms:GenerateDataKey',
      'sns:Publish',
    ]);
    alarmStatements.forEach((statement) => assert.ok(statement.Condition.StringEquals['aws:SourceAccount']));
  }
});

test('without an e-mail address, both Regions warn that messages reach no address', () => {
  const { primary, secondary } = synthesise({ ...CONTEXT, NotificationEmail: undefined });
  for (const template of [primary, secondary]) {
    assert.equal(template.all('AWS::SNS::Subscription').length, 0);
    assert.match(template.warnings.join('\n'), /^NotificationEmail is not set.*\[ack: cognito-backup:no-email\]$/);
  }
});

test('a deployment with only former pools imports, and exports nothing', () => {
  const { primary, secondary } = synthesise({
    FormerUserPoolIds: 'us-east-1_Lost',
    PrimaryRegion: 'eu-west-1',
    SecondaryRegion: 'eu-central-1',
  });
  for (const template of [primary, secondary]) {
    assert.equal(template.only('AWS::StepFunctions::StateMachine').StateMachineName, 'cognito-backup-import');
    assert.equal(template.all('AWS::Scheduler::Schedule').length, 0);
    const readSnapshots = template.statements('ImportPageRole').find((statement) => statement.Sid === 'ReadSnapshots');
    assert.ok(
      [readSnapshots?.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']].flat().includes('POOL#us-east-1_Lost'),
    );
  }
});

test('pools that together exceed the listing quota give a warning', () => {
  const warnings = (change: object) => synthesise({ ...CONTEXT, ...change }).primary.warnings.join('\n');
  assert.match(warnings({ CognitoTPS: 16 }), /2 pools at the same time make up to 32 calls per second/);
  assert.deepEqual(defaultStacks().primary.warnings, []);
  assert.deepEqual(defaultStacks().secondary.warnings, []);
});
