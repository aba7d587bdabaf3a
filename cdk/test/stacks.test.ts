import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONTEXT_NAMES } from '../lib/context';
import { exportsAtOnce } from '../lib/scheduled-exports.construct';
import { CONTEXT, EMAIL, POOLS, readable, synthesise, defaultStacks, Template } from './synthesised';

test('every function has its executable, its memory, its timeout, its logs and its storage', () => {
  const { runs, secondary } = defaultStacks();
  const names = (template: typeof runs) => template.all('AWS::Lambda::Function').map((properties) => properties.FunctionName);
  const imports = ['enumerate', 'page', 'finalize'].map((step) => `cognito-backup-import-${step}`);
  const exports = imports.map((name) => name.replace('import', 'export'));
  assert.deepEqual(names(runs).sort(), [...imports, ...exports, 'cognito-backup-remove'].sort());
  assert.deepEqual(names(secondary).sort(), [...imports].sort());

  const logGroups = [...runs.ofType('AWS::Logs::LogGroup'), ...secondary.ofType('AWS::Logs::LogGroup')];
  logGroups.forEach(([, { Properties }]) => assert.equal(Properties.RetentionInDays, 90));
  for (const properties of [...runs.all('AWS::Lambda::Function'), ...secondary.all('AWS::Lambda::Function')]) {
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
  for (const { runs, secondary } of [defaultStacks(), onePool]) {
    for (const template of [runs, secondary]) {
      const functions = template.all('AWS::Lambda::Function');
      assert.ok(functions.length >= 3);
      functions.forEach((properties) =>
        assert.equal(properties.ReservedConcurrentExecutions, undefined, properties.FunctionName),
      );
    }
  }
});

test('the environment of a function has the variables that it needs, and no others', () => {
  const { runs, secondary } = defaultStacks();
  for (const template of [runs, secondary]) {
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
      const removal = { ...finalize, SNAPSHOT_RETENTION: 'days=35,monthly=12' };
      const isFinalize = name.endsWith('-finalize');
      const ofStep =
        name === 'cognito-backup-remove' ? removal : isFinalize ? finalize : name.endsWith('-enumerate') ? enumerate : others;
      // Only these call Cognito in an import.
      const readsTag = /-import-(enumerate|page)$/.test(name);
      assert.deepEqual(rest, { ...ofStep, ...(readsTag && { REQUIRE_POOL_TAG: 'YES' }) }, name);
      assert.equal(/^<ImportJobLogRole.*\.Arn>$/.test(logRole ?? ''), name.endsWith('-import-page'), name);
    }
  }
});

test('only the removal has the rules of retention in its environment', () => {
  const { runs, secondary } = synthesise({ ...CONTEXT, SnapshotRetention: 'days=35, monthly=12' });
  for (const template of [runs, secondary]) {
    for (const { FunctionName, Environment } of template.all('AWS::Lambda::Function')) {
      const expected = FunctionName === 'cognito-backup-remove' ? 'days=35,monthly=12' : undefined;
      assert.equal(Environment?.Variables.SNAPSHOT_RETENTION, expected, FunctionName);
    }
  }
});

test('only enumerate of the import has the retention of sub maps in its environment', () => {
  const { runs, secondary } = synthesise({ ...CONTEXT, SubMapRetention: 400 });
  for (const template of [runs, secondary]) {
    for (const { FunctionName, Environment } of template.all('AWS::Lambda::Function')) {
      const expected = FunctionName === 'cognito-backup-import-enumerate' ? '400' : undefined;
      assert.equal(Environment?.Variables.SUB_MAP_RETENTION, expected, FunctionName);
    }
  }
});

test('settings reach the functions', () => {
  const { runs } = synthesise({
    ...CONTEXT,
    Name: 'people',
    CognitoTPS: 25,
    LogRetentionDays: 7,
    SnsPreference: 'ERRORS_ONLY',
    Architecture: 'arm64',
  });
  const finalize = runs.lambda('people-export-finalize');
  assert.deepEqual(finalize.Architectures, ['arm64']);
  assert.equal(finalize.Environment.Variables.COGNITO_TPS, '25');
  assert.equal(finalize.Environment.Variables.SNS_PREFERENCE, 'ERRORS_ONLY');
  assert.equal(finalize.Environment.Variables.BACKUP_TABLE_NAME, 'people');
  runs.all('AWS::Logs::LogGroup').forEach((group) => assert.equal(group.RetentionInDays, 7));
  assert.deepEqual(
    runs.all('AWS::StepFunctions::StateMachine').map((machine) => machine.StateMachineName),
    ['people-export', 'people-import', 'people-job-logs', 'people-removal', 'people-scheduled-exports'],
  );
});

test('the state machines have the definitions in statemachines/, every substitution, logs and traces', () => {
  const { runs, secondary } = defaultStacks();
  const machines = [...runs.all('AWS::StepFunctions::StateMachine'), ...secondary.all('AWS::StepFunctions::StateMachine')];
  assert.deepEqual(
    machines.map((machine) => machine.StateMachineName),
    ['export', 'import', 'job-logs', 'removal', 'scheduled-exports', 'import', 'job-logs'].map(
      (name) => `cognito-backup-${name}`,
    ),
  );
  for (const machine of machines) {
    const placeholders = new Set([...machine.DefinitionString.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    assert.deepEqual(new Set(Object.keys(machine.DefinitionSubstitutions)), placeholders);
    const { StartAt, States } = JSON.parse(machine.DefinitionString);
    assert.match(States[StartAt].Type, machine.StateMachineName.endsWith('-scheduled-exports') ? /^Map$/ : /^Task$/);
    assert.deepEqual(machine.TracingConfiguration, { Enabled: true });
    const { Level, IncludeExecutionData, Destinations } = machine.LoggingConfiguration;
    assert.deepEqual([Level, IncludeExecutionData, Destinations.length], ['ALL', false, 1]);
  }
  const versions = machines.flatMap(({ DefinitionSubstitutions }) => [
    DefinitionSubstitutions.EnumerateFunctionArn,
    DefinitionSubstitutions.FinalizeFunctionArn,
  ]);
  const names = versions
    .filter((arn) => arn !== undefined)
    .map((arn) => readable(arn).replace(/FunctionCurrentVersion\w+>$/, ''));
  const ofImport = ['<ImportEnumerate', '<ImportFinalize'];
  assert.deepEqual(names, ['<ExportEnumerate', '<ExportFinalize', ...ofImport, ...ofImport]);
});

test('a deployment keeps the published versions of the functions', () => {
  const { runs, secondary } = defaultStacks();
  for (const template of [runs, secondary]) {
    const versions = template.ofType('AWS::Lambda::Version');
    assert.equal(versions.length, template.ofType('AWS::Lambda::Function').length);
    versions.forEach(([, { DeletionPolicy, UpdateReplacePolicy }]) =>
      assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['RetainExceptOnCreate', 'Retain']),
    );
  }
});

/** The members of the definitions that the deployment writes, by the name of the state machine. */
function written(template: Template): Record<string, number | undefined> {
  return Object.fromEntries(
    template.all('AWS::StepFunctions::StateMachine').map(({ StateMachineName, DefinitionString }) => {
      const { TimeoutSeconds, States } = JSON.parse(DefinitionString);
      return [StateMachineName, TimeoutSeconds ?? States['Export the pools'].MaxConcurrency];
    }),
  );
}

test('executions end after a time that settings choose, and scheduled exports stay below the quota of listings', () => {
  const day = 24 * 3600;
  const { runs } = synthesise({ ...CONTEXT, ExportTimeoutDays: 2, ImportTimeoutDays: 90, CognitoTPS: 4 });
  assert.deepEqual(written(defaultStacks().runs), {
    'cognito-backup-export': 7 * day,
    'cognito-backup-scheduled-exports': 2,
    'cognito-backup-import': 60 * day,
    'cognito-backup-job-logs': 3600,
    'cognito-backup-removal': day,
  });
  assert.deepEqual(written(runs), {
    'cognito-backup-export': 2 * day,
    'cognito-backup-scheduled-exports': 6,
    'cognito-backup-import': 90 * day,
    'cognito-backup-job-logs': 3600,
    'cognito-backup-removal': day,
  });
});

test('the exports at once stay below the quota without its headroom, and are never without limit', () => {
  for (const [cognitoTps, quotaHeadroom, expected] of [
    [1, 0, 30],
    [1, 90, 3],
    [10, 0, 3],
    [10, 10, 2],
    [30, 0, 1],
    [200, 90, 1],
  ] as const) {
    assert.equal(exportsAtOnce({ cognitoTps, quotaHeadroom }), expected);
  }
});

test('an execution that is aborted or times out invokes finalize of its state machine', () => {
  const { runs, secondary } = defaultStacks();
  for (const [template, operations] of [
    [runs, ['Export', 'Import']],
    [secondary, ['Import']],
  ] as const) {
    const rules = template.all('AWS::Events::Rule').filter(({ Name }) => Name.endsWith('-stopped'));
    assert.deepEqual(
      rules.map(({ Name }) => Name),
      operations.map((operation) => `cognito-backup-${operation.toLowerCase()}-stopped`),
    );
    for (const [index, { EventPattern, Targets }] of rules.entries()) {
      assert.deepEqual(EventPattern.source, ['aws.states']);
      assert.deepEqual(EventPattern['detail-type'], ['Step Functions Execution Status Change']);
      assert.deepEqual(EventPattern.detail.status, ['ABORTED', 'TIMED_OUT']);
      assert.match(readable(EventPattern.detail.stateMachineArn[0]), new RegExp(`^<${operations[index]}RunStateMachine`));
      assert.equal(Targets.length, 1);
      assert.match(readable(Targets[0].Arn), new RegExp(`^<${operations[index]}FinalizeFunctionCurrentVersion`));
    }
  }
});

/** The schedules that start exports. */
const exportSchedules = (template: Template): any[] =>
  template.all('AWS::Scheduler::Schedule').filter((schedule) => schedule.Name.endsWith('-exports'));

test('one schedule starts the exports of all pools, and has a queue for starts that the scheduler could not make', () => {
  const { runs } = defaultStacks();
  const [schedule, ...others] = exportSchedules(runs);
  assert.deepEqual(others, []);
  assert.deepEqual([schedule.Name, JSON.parse(schedule.Target.Input)], ['cognito-backup-exports', { userPoolIds: POOLS }]);
  const [queueId] = runs.ofType('AWS::SQS::Queue')[0] ?? assert.fail();
  assert.equal(schedule.ScheduleExpression, 'rate(1 day)');
  assert.equal(schedule.State, 'ENABLED');
  assert.match(readable(schedule.Target.Arn), /^<ScheduledExportsStateMachine/);
  assert.equal(readable(schedule.Target.DeadLetterConfig.Arn), `<${queueId}.Arn>`);
  assert.deepEqual(schedule.Target.RetryPolicy, { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 });
  const queue = runs.only('AWS::SQS::Queue');
  assert.equal(queue.SqsManagedSseEnabled, true);
  assert.equal(queue.MessageRetentionPeriod, 14 * 24 * 3600);
});

test('the schedule of exports is created after every permission, and after everything that could fail', () => {
  const { runs } = defaultStacks();
  const [[, schedule] = assert.fail()] = runs
    .ofType('AWS::Scheduler::Schedule')
    .filter(([, { Properties }]) => Properties.Name === 'cognito-backup-exports');
  const before = schedule.DependsOn ?? assert.fail();
  const policies = runs.ofType('AWS::IAM::Policy').map(([id]) => id);
  const needed = policies.filter((id) => !id.startsWith('SnapshotAges'));
  assert.ok(needed.length >= 6);
  const machines = runs.ofType('AWS::StepFunctions::StateMachine').map(([id]) => id);
  [...needed, ...machines].forEach((id) => assert.ok(before.includes(id), id));
});

test('the schedule has the start that the deployment gives it', () => {
  const start = '2030-01-31T12:30:00.000Z';
  const { runs } = synthesise(CONTEXT, undefined, { [CONTEXT_NAMES.firstExport]: start });
  assert.equal(exportSchedules(runs)[0].StartDate, start);
  assert.equal(exportSchedules(defaultStacks().runs)[0].StartDate, undefined);
});

test('a cron expression keeps its time zone', () => {
  const { runs } = synthesise({
    ...CONTEXT,
    ExportFrequency: 'cron(30 2 * * ? *)',
    ExportTimeZone: 'Europe/Berlin',
    SnapshotMaxAgeHours: 30,
  });
  for (const schedule of exportSchedules(runs)) {
    assert.deepEqual([schedule.ScheduleExpression, schedule.ScheduleExpressionTimezone], ['cron(30 2 * * ? *)', 'Europe/Berlin']);
  }
});

test('topics have their own keys, accept alarms, and send to the given e-mail address', () => {
  const { runs, secondary } = defaultStacks();
  for (const template of [runs, secondary]) {
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
  const { runs, secondary } = synthesise({ ...CONTEXT, NotificationEmail: undefined });
  for (const template of [runs, secondary]) {
    assert.equal(template.all('AWS::SNS::Subscription').length, 0);
    assert.match(template.warnings.join('\n'), /^NotificationEmail is not set.*\[ack: cognito-backup:no-email\]$/);
  }
});

test('a deployment with only former pools imports, and exports nothing', () => {
  const { runs, secondary } = synthesise({
    FormerUserPoolIds: 'us-east-1_Lost',
    PrimaryRegion: 'eu-west-1',
    SecondaryRegion: 'eu-central-1',
  });
  for (const template of [runs, secondary]) {
    assert.deepEqual(
      template.all('AWS::StepFunctions::StateMachine').map(({ StateMachineName }) => StateMachineName),
      ['cognito-backup-import', 'cognito-backup-job-logs'],
    );
    assert.equal(template.only('AWS::Scheduler::Schedule').Name, 'cognito-backup-job-logs');
    const readSnapshots = template.statements('ImportPageRole').find((statement) => statement.Sid === 'ReadSnapshots');
    assert.ok(
      [readSnapshots?.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']].flat().includes('POOL#us-east-1_Lost'),
    );
  }
});

test('a deployment with an e-mail address gives no warning', () => {
  assert.deepEqual(defaultStacks().runs.warnings, []);
  assert.deepEqual(defaultStacks().secondary.warnings, []);
});
