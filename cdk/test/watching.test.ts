import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { WORKSPACE } from '../lib/function-code';
import { OPERATIONS } from '../lib/operations';
import { EXPORT_METRICS } from '../lib/run-metrics';
import { CONTEXT, POOLS, PRIMARY, SECONDARY, Template, readable, synthesise, defaultStacks } from './synthesised';

const alarm = (template: Template, name: string) =>
  template.all('AWS::CloudWatch::Alarm').find((properties) => properties.AlarmName === `cognito-backup-${name}`);

/** The expression of an alarm, and the names of its metrics. */
function metricsOf(properties: any): { expression: string; names: string[] } {
  const expression = properties.Metrics.find((metric: any) => metric.Expression !== undefined).Expression;
  const names = properties.Metrics.flatMap((metric: any) => metric.MetricStat?.Metric.MetricName ?? []);
  return { expression, names };
}

/** The values of a dimension in the metrics of an alarm. */
function dimensions(properties: any, name: string): string[] {
  const ofMetrics = (properties.Metrics ?? []).flatMap((metric: any) => metric.MetricStat?.Metric.Dimensions ?? []);
  const all: any[] = [...ofMetrics, ...(properties.Dimensions ?? [])];
  return all.filter(({ Name }) => Name === name).map(({ Value }) => readable(Value));
}

test('every alarm publishes to the topic of its Region', () => {
  const { runs, watch, secondary, secondaryWatch } = defaultStacks();
  for (const [template, alarms, region] of [
    [runs, watch, PRIMARY],
    [secondary, secondaryWatch, SECONDARY],
  ] as const) {
    const { TopicName } = template.only('AWS::SNS::Topic');
    const arn = `arn:aws:sns:${region}:<AWS::AccountId>:${TopicName}`;
    assert.ok(alarms.all('AWS::CloudWatch::Alarm').length > 0);
    alarms.all('AWS::CloudWatch::Alarm').forEach((properties) => assert.deepEqual(properties.AlarmActions.map(readable), [arn]));
  }
});

test('alarms and dashboard name state machines, functions and queues that the other stacks create', () => {
  const { runs, watch, secondary, secondaryWatch } = defaultStacks();
  for (const [template, alarms, region] of [
    [runs, watch, PRIMARY],
    [secondary, secondaryWatch, SECONDARY],
  ] as const) {
    const named = (name: string) => [
      ...new Set(alarms.all('AWS::CloudWatch::Alarm').flatMap((properties) => dimensions(properties, name))),
    ];
    const existing = (type: string, name: string) => template.all(type).map((properties) => properties[name]);
    const machines = existing('AWS::StepFunctions::StateMachine', 'StateMachineName');
    assert.deepEqual(
      named('StateMachineArn').sort(),
      machines.map((machine) => `arn:aws:states:${region}:<AWS::AccountId>:stateMachine:${machine}`).sort(),
    );
    // A removal that Lambda throttles for long fails, and has an alarm for that.
    const functions = existing('AWS::Lambda::Function', 'FunctionName').filter((name) => name !== 'cognito-backup-remove');
    assert.deepEqual(named('FunctionName').sort(), functions.sort());
    assert.deepEqual(named('QueueName'), existing('AWS::SQS::Queue', 'QueueName'));
  }
  const shown = readable(watch.only('AWS::CloudWatch::Dashboard').DashboardBody);
  const { FunctionName } = runs.lambda('cognito-backup-import-page');
  for (const text of [`"FunctionName","${FunctionName}"`, '"QueueName","cognito-backup-exports-not-started"']) {
    assert.ok(shown.includes(text), text);
  }
});

test('failed exports and failed imports start alarms, in both Regions', () => {
  const { watch, secondaryWatch } = defaultStacks();
  for (const [template, operation] of [
    [watch, 'export'],
    [watch, 'import'],
    [secondaryWatch, 'import'],
  ] as const) {
    const failed = alarm(template, `${operation}-failed`);
    assert.deepEqual(metricsOf(failed).names.sort(), ['ExecutionsAborted', 'ExecutionsFailed', 'ExecutionsTimedOut']);
    assert.deepEqual(
      [failed.Threshold, failed.ComparisonOperator, failed.TreatMissingData],
      [0, 'GreaterThanThreshold', 'notBreaching'],
    );
    const machines = new Set(dimensions(failed, 'StateMachineArn'));
    assert.match(
      [...machines].join(),
      new RegExp(`^arn:aws:states:[a-z0-9-]+:<AWS::AccountId>:stateMachine:cognito-backup-${operation}$`),
    );
    assert.deepEqual(metricsOf(alarm(template, `${operation}-functions-throttled`)).names, [
      'Throttles',
      'Throttles',
      'Throttles',
    ]);
  }
  const names = secondaryWatch.all('AWS::CloudWatch::Alarm').map(({ AlarmName }) => AlarmName.slice('cognito-backup-'.length));
  const ofPools = POOLS.map((pool) => `replica-stale-${pool}`);
  assert.deepEqual(
    names.sort(),
    [
      'import-events-lost',
      'import-failed',
      'import-functions-throttled',
      'job-logs-failed',
      'replication-delayed',
      ...ofPools,
    ].sort(),
  );
});

test('a removal that fails, and an event that could start none, start alarms if the deployment has rules', () => {
  const failed = alarm(defaultStacks().watch, 'removal-failed');
  assert.deepEqual(metricsOf(failed).names.sort(), ['ExecutionsAborted', 'ExecutionsFailed', 'ExecutionsTimedOut']);
  // A metric without a value must not hide the others.
  const expression = failed.Metrics.find(({ Expression }: { Expression?: string }) => Expression !== undefined).Expression;
  assert.equal(expression, 'FILL(failed, 0) + FILL(aborted, 0) + FILL(timedOut, 0)');
  assert.deepEqual([failed.Threshold, failed.TreatMissingData], [0, 'notBreaching']);
  assert.ok(JSON.stringify(failed.Metrics).includes(':cognito-backup-removal"'));
  const notStarted = alarm(defaultStacks().watch, 'removal-not-started');
  assert.deepEqual(
    [notStarted.MetricName, notStarted.Threshold, notStarted.TreatMissingData],
    ['FailedInvocations', 0, 'notBreaching'],
  );
  const rule = defaultStacks()
    .runs.all('AWS::Events::Rule')
    .find(({ Name }) => Name === 'cognito-backup-removal-start');
  assert.deepEqual(notStarted.Dimensions, [{ Name: 'RuleName', Value: rule.Name }]);
  const without = synthesise({ ...CONTEXT, SnapshotRetention: 'none' }).watch;
  assert.deepEqual([alarm(without, 'removal-failed'), alarm(without, 'removal-not-started')], [undefined, undefined]);
});

test('exports that could not be started start an alarm', () => {
  const notStarted = alarm(defaultStacks().watch, 'exports-not-started');
  assert.deepEqual(
    [notStarted.MetricName, notStarted.Statistic, notStarted.Threshold],
    ['ApproximateNumberOfMessagesVisible', 'Maximum', 0],
  );
  const failed = alarm(defaultStacks().watch, 'scheduled-exports-failed');
  assert.deepEqual(metricsOf(failed).names.sort(), ['ExecutionsAborted', 'ExecutionsFailed', 'ExecutionsTimedOut']);
  assert.ok(JSON.stringify(failed.Metrics).includes(':cognito-backup-scheduled-exports'));
});

test("the age of each pool's newest snapshot starts an alarm after a period and a half, and so does missing data", () => {
  const { watch } = defaultStacks();
  for (const pool of POOLS) {
    const age = alarm(watch, `no-snapshot-${pool}`);
    assert.deepEqual([age.Period, age.EvaluationPeriods, age.DatapointsToAlarm], [900, 2, undefined]);
    assert.deepEqual(
      [age.Threshold, age.ComparisonOperator, age.TreatMissingData],
      [36 * 3600, 'GreaterThanThreshold', 'breaching'],
    );
    assert.deepEqual([age.Namespace, age.MetricName, age.Statistic], ['CognitoBackup', 'NewestSnapshotAge', 'Maximum']);
    assert.deepEqual(
      age.Dimensions.map((dimension: any) => `${dimension.Name}=${dimension.Value}`),
      ['Operation=Export', `UserPoolId=${pool}`],
    );
  }
});

test('finalize measures the age of snapshots several times in a period of its alarm', () => {
  const { runs } = defaultStacks();
  const [id, schedule] =
    runs.ofType('AWS::Scheduler::Schedule').find(([, { Properties }]) => Properties.Name.endsWith('-snapshot-ages')) ??
    assert.fail();
  const { ScheduleExpression, Target } = schedule.Properties;
  assert.equal(ScheduleExpression, 'rate(5 minutes)');
  assert.match(readable(Target.Arn), /^<ExportFinalizeFunction/);
  assert.deepEqual(JSON.parse(Target.Input), { operation: 'watch', userPoolIds: POOLS });
  assert.match(id, /^SnapshotAges/);
  const statements = runs.statements('SnapshotAgesRole');
  assert.deepEqual(
    statements.map(({ actions, resources }) => [actions, resources.map((arn) => arn.replace(/Function\w+/, 'Function'))]),
    [[['lambda:InvokeFunction'], ['<ExportFinalizeFunction.Arn>']]],
  );
});

test('a measurement that fails twice, or is late, is dropped and starts an alarm', () => {
  const { runs, watch, secondary, secondaryWatch } = defaultStacks();
  for (const [template, alarms, operation] of [
    [runs, watch, 'Export'],
    [secondary, secondaryWatch, 'Import'],
  ] as const) {
    const { FunctionName, Qualifier, MaximumEventAgeInSeconds, MaximumRetryAttempts } =
      template.only('AWS::Lambda::EventInvokeConfig');
    assert.match(readable(FunctionName), new RegExp(`^<${operation}FinalizeFunction`));
    assert.deepEqual([Qualifier, MaximumEventAgeInSeconds, MaximumRetryAttempts], ['$LATEST', 300, 1]);
    const lost = alarm(alarms, `${operation.toLowerCase()}-events-lost`);
    assert.deepEqual([lost.Namespace, lost.MetricName, lost.Statistic], ['AWS/Lambda', 'AsyncEventsDropped', 'Sum']);
    assert.deepEqual([lost.Threshold, lost.EvaluationPeriods, lost.TreatMissingData], [0, 1, 'notBreaching']);
    assert.deepEqual(dimensions(lost, 'FunctionName'), [`cognito-backup-${operation.toLowerCase()}-finalize`]);
  }
  // Also in the primary Region, the end of a stopped import must not be lost.
  assert.deepEqual(dimensions(alarm(watch, 'import-events-lost'), 'FunctionName'), ['cognito-backup-import-finalize']);
});

test('in the second Region, a function of the import measures the age in the replica, and missing data starts an alarm', () => {
  const { secondary, secondaryWatch } = defaultStacks();
  const { Target, ScheduleExpression, GroupName } = secondary
    .all('AWS::Scheduler::Schedule')
    .find(({ Name }) => Name === 'cognito-backup-snapshot-ages');
  assert.match(readable(Target.Arn), /^<ImportFinalizeFunction/);
  assert.deepEqual(
    [JSON.parse(Target.Input), ScheduleExpression],
    [{ operation: 'watch', userPoolIds: POOLS }, 'rate(5 minutes)'],
  );
  assert.equal(readable(GroupName), 'cognito-backup');
  // The function reads the headers of snapshots, and nothing else.
  const reads = secondary.statements('ImportFinalizeRole').find(({ Sid }) => Sid === 'ReadHeadersOfSnapshots');
  assert.deepEqual(
    reads?.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'],
    POOLS.map((pool) => `POOL#${pool}`),
  );
  for (const pool of POOLS) {
    const stale = alarm(secondaryWatch, `replica-stale-${pool}`);
    assert.deepEqual([stale.MetricName, stale.Period, stale.EvaluationPeriods], ['NewestSnapshotAge', 900, 2]);
    // Six hours more than in the primary Region, so that a failed export starts one alarm.
    assert.deepEqual([stale.Threshold, stale.TreatMissingData], [(36 + 6) * 3600, 'breaching']);
    assert.deepEqual(dimensions(stale, 'UserPoolId'), [pool]);
  }
  const hourly = synthesise({ ...CONTEXT, ExportFrequency: 'EVERY_HOUR' }).secondaryWatch;
  assert.equal(alarm(hourly, `replica-stale-${POOLS[0]}`).Threshold, 7.5 * 3600);
  const silent = synthesise({ ...CONTEXT, SnapshotMaxAgeHours: 0 }).secondaryWatch;
  assert.equal(alarm(silent, `replica-stale-${POOLS[0]}`), undefined);
});

test('a slow replication starts an alarm in the Region that sends', () => {
  const { watch, secondaryWatch } = defaultStacks();
  for (const [template, receiving] of [
    [watch, SECONDARY],
    [secondaryWatch, PRIMARY],
  ] as const) {
    const delayed = alarm(template, 'replication-delayed');
    assert.deepEqual(
      [delayed.Namespace, delayed.MetricName, delayed.Statistic],
      ['AWS/DynamoDB', 'ReplicationLatency', 'Maximum'],
    );
    assert.deepEqual([delayed.Threshold, delayed.Period, delayed.EvaluationPeriods], [300_000, 300, 3]);
    assert.deepEqual(
      [dimensions(delayed, 'TableName'), dimensions(delayed, 'ReceivingRegion')],
      [['cognito-backup'], [receiving]],
    );
    assert.equal(delayed.TreatMissingData, 'notBreaching');
  }
  const { watch: oneRegion } = synthesise({ ...CONTEXT, SecondaryRegion: 'none' });
  assert.equal(alarm(oneRegion, 'replication-delayed'), undefined);
});

test('docs/guides/operate.md says what to do for every alarm', () => {
  const guide = readFileSync(join(WORKSPACE, 'docs', 'guides', 'operate.md'), 'utf8');
  const all = synthesise({
    ...CONTEXT,
    SnapshotRetention: 'days=35',
    CaptureConfiguration: 'YES',
    ConfigurationChangeAlarm: 'YES',
  });
  const names = [all.watch, all.secondaryWatch].flatMap((template) => template.all('AWS::CloudWatch::Alarm'));
  assert.ok(names.length > 10);
  for (const { AlarmName, AlarmDescription } of names) {
    const row = AlarmName.replace('cognito-backup-', '…-').replace(/eu-west-1_\w+$/, '<pool>');
    assert.ok(guide.includes(`\`${row}\``), row);
    assert.match(AlarmDescription, /\.$/);
  }
});

test('the maximum age of a snapshot follows the export frequency or the setting', () => {
  const maxAgeHours = (change: object) =>
    alarm(synthesise({ ...CONTEXT, ...change }).watch, `no-snapshot-${POOLS[0]}`)?.Threshold / 3600;
  assert.equal(maxAgeHours({ ExportFrequency: 'EVERY_HOUR' }), 1.5);
  assert.equal(maxAgeHours({ ExportFrequency: 'EVERY_30_DAYS' }), 45 * 24);
  assert.equal(maxAgeHours({ SnapshotMaxAgeHours: 168 }), 168);
  assert.ok(Number.isNaN(maxAgeHours({ SnapshotMaxAgeHours: 0 })));
});

test('one dashboard shows the alarms, both state machines, and the secondary Region', () => {
  const { watch, secondaryWatch } = defaultStacks();
  const { DashboardName, DashboardBody } = watch.only('AWS::CloudWatch::Dashboard');
  assert.equal(DashboardName, 'cognito-backup');
  assert.equal(secondaryWatch.all('AWS::CloudWatch::Dashboard').length, 0);
  const { widgets } = JSON.parse(readable(DashboardBody));
  const titles = widgets.map((widget: any) => widget.properties.title);
  for (const title of ['Alarms', 'Snapshots sealed', 'Exports', 'Imports', 'Imports in eu-central-1', 'Throttled invocations']) {
    assert.ok(titles.includes(title), title);
  }
  const inSecondaryRegion = widgets.find((widget: any) => widget.properties.title === 'Imports in eu-central-1').properties
    .metrics;
  assert.match(inSecondaryRegion[0][3], /^arn:aws:states:eu-central-1:<AWS::AccountId>:stateMachine:cognito-backup-import$/);
  assert.equal(inSecondaryRegion[0][4].region, 'eu-central-1');
  assert.equal(widgets[0].properties.alarms.length, watch.all('AWS::CloudWatch::Alarm').length);
});

test('lost users and throttled calls start alarms, on metrics that the functions write', () => {
  const { watch } = defaultStacks();
  for (const pool of POOLS) {
    const lost = alarm(watch, `users-lost-${pool}`);
    assert.deepEqual(
      [lost.Namespace, lost.MetricName, lost.Statistic, lost.Threshold, lost.TreatMissingData],
      ['CognitoBackup', 'UsersLost', 'Maximum', 20, 'notBreaching'],
    );
    assert.deepEqual(
      lost.Dimensions.map((dimension: any) => `${dimension.Name}=${dimension.Value}`),
      ['Operation=Export', `UserPoolId=${pool}`],
    );
    const throttled = alarm(watch, `calls-throttled-${pool}`);
    assert.equal(metricsOf(throttled).expression, '100 * throttled / calls');
    assert.deepEqual(metricsOf(throttled).names.sort(), ['Calls', 'ThrottledCalls']);
  }
  assert.deepEqual(OPERATIONS.metrics, { namespace: 'CognitoBackup', dimensions: ['Operation', 'UserPoolId'] });
  const { metrics } = OPERATIONS.functions.exportFinalize;
  EXPORT_METRICS.forEach((metric) => assert.ok(metrics.includes(metric), `the functions write ${metric}`));
  const dashboard = JSON.stringify(watch.all('AWS::CloudWatch::Dashboard'));
  for (const metric of ['Users', 'UsersLost', 'RecordsWritten', 'Calls', 'ThrottledCalls', 'NewestSnapshotAge']) {
    assert.ok(dashboard.replaceAll('\\', '').includes(`"CognitoBackup","${metric}"`), `the dashboard shows ${metric}`);
  }
});

test('a lost event about a sealed snapshot starts an alarm, because no removal begins', () => {
  for (const pool of POOLS) {
    const lost = alarm(defaultStacks().watch, `events-lost-${pool}`);
    assert.deepEqual([lost.MetricName, lost.Threshold, lost.TreatMissingData], ['EventsLost', 0, 'notBreaching']);
    assert.deepEqual(dimensions(lost, 'UserPoolId'), [pool]);
    assert.equal(alarm(synthesise({ ...CONTEXT, SnapshotRetention: 'none' }).watch, `events-lost-${pool}`), undefined);
  }
});

test('the configuration has alarms only if it is captured, and for changes only if asked for', () => {
  const thresholds = (context: object) => {
    const { watch } = synthesise({ ...CONTEXT, ...context });
    return ['configuration-incomplete', 'configuration-changed'].map((name) => {
      const found = alarm(watch, `${name}-${POOLS[0]}`);
      return found && [found.MetricName, found.Threshold, found.TreatMissingData];
    });
  };
  const incomplete = ['ConfigurationIncomplete', 0, 'notBreaching'];
  const changed = ['ConfigurationChanged', 0, 'notBreaching'];
  assert.deepEqual(thresholds({}), [undefined, undefined]);
  assert.deepEqual(thresholds({ CaptureConfiguration: 'YES' }), [incomplete, undefined]);
  assert.deepEqual(thresholds({ CaptureConfiguration: 'YES', ConfigurationChangeAlarm: 'YES' }), [incomplete, changed]);
  assert.throws(() => synthesise({ ...CONTEXT, ConfigurationChangeAlarm: 'YES' }), /CaptureConfiguration=YES/);
});
