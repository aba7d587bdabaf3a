/**
 * Goal: the log groups of import jobs get a retention, and no other log group does.
 *
 * Method: read the state machine of both Regions, play its choices, and read its role and its schedule.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONTEXT, PRIMARY, SECONDARY, Template, readable, synthesise } from './synthesised';

const { runs, secondary } = synthesise({ ...CONTEXT, LogRetentionDays: 365 });
const regions = [
  [runs, PRIMARY],
  [secondary, SECONDARY],
] as const;

/** The deployed definition. */
function definitionIn(template: Template): any {
  const found = template
    .all('AWS::StepFunctions::StateMachine')
    .find(({ StateMachineName }) => StateMachineName === 'cognito-backup-job-logs');
  return JSON.parse(found.DefinitionString);
}

/** The value at a path such as `$.Newest.LogStreams[0].LogStreamName`. */
const at = (path: string, input: any) =>
  path
    .slice(2)
    .split(/[.[\]]+/)
    .reduce((value, name) => value?.[name], input);

/** The state that a Choice leads to. */
function next({ Choices, Default }: any, input: object): string {
  const holds = (rule: any): boolean =>
    rule.And?.every(holds) ??
    (rule.IsPresent === true
      ? at(rule.Variable, input) !== undefined
      : new RegExp(`^${rule.StringMatches.replaceAll('*', '.*')}$`).test(at(rule.Variable, input)));
  return Choices.find(holds)?.Next ?? Default;
}

test('only log groups without a retention, whose newest job is of a restore, get one', () => {
  for (const [template] of regions) {
    const { ItemProcessor, ItemsPath } = definitionIn(template).States['Look at each log group'];
    assert.equal(ItemsPath, '$.LogGroups');
    const { States, StartAt } = ItemProcessor;
    assert.equal(next(States[StartAt], { LogGroupName: 'g', RetentionInDays: 30 }), 'Leave it');
    assert.equal(next(States[StartAt], { LogGroupName: 'g' }), 'Find its newest job');
    const newest = (LogStreams: object[]) => next(States['Is it of a restore?'], { LogGroupName: 'g', Newest: { LogStreams } });
    assert.equal(newest([{ LogStreamName: 'import-abc/restore-20300131T120000Z-0a1b2c3d-1' }]), 'Set the retention');
    assert.equal(newest([{ LogStreamName: 'import-abc/first users' }]), 'Leave it');
    assert.equal(newest([]), 'Leave it');
    assert.deepEqual(States['Set the retention'].Parameters, { 'LogGroupName.$': '$.LogGroupName', RetentionInDays: 365 });
  }
});

test('all pages of the list are looked at', () => {
  for (const [template] of regions) {
    const { States, StartAt } = definitionIn(template);
    const more = States['Are there more?'];
    assert.equal(next(more, { NextToken: 't' }), 'List more log groups');
    assert.equal(next(more, {}), 'All log groups looked at');
    for (const list of [StartAt, 'List more log groups']) {
      assert.equal(States[list].Parameters.LogGroupNamePrefix, '/aws/cognito/userpools/');
      assert.equal(States[list].Next, 'Look at each log group');
    }
    assert.equal(States['List more log groups'].Parameters['NextToken.$'], '$.NextToken');
  }
});

test('the role may set the retention of log groups of pools only, and a schedule starts the machine every day', () => {
  for (const [template, region] of regions) {
    const own = template
      .statements('JobLogsStateMachineRole')
      .filter(({ actions }) => actions.some((name) => /^logs:\w+LogStreams|Retention/.test(name)));
    assert.deepEqual(
      own.map(({ actions, resources }) => [actions, resources]),
      [
        [
          ['logs:DescribeLogStreams', 'logs:PutRetentionPolicy'],
          [`arn:aws:logs:${region}:<AWS::AccountId>:log-group:/aws/cognito/userpools/*`],
        ],
      ],
    );
    const schedule = template.all('AWS::Scheduler::Schedule').find(({ Name }) => Name === 'cognito-backup-job-logs');
    assert.equal(schedule.ScheduleExpression, 'rate(1 day)');
    assert.match(readable(schedule.Target.Arn), /^<JobLogsStateMachine/);
    assert.deepEqual(template.allowed('JobLogsScheduleRole', 'states'), ['StartExecution']);
  }
});
