import { Aws, Duration, RemovalPolicy, TimeZone, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct, IConstruct } from 'constructs';

import { deadLetterQueueName, scheduleName } from './names';
import { RunsKey } from './runs-key.construct';
import { Settings } from './settings';

export interface SchedulesProps {
  readonly settings: Settings;
  /** The state machine that exports all pools. */
  readonly machine: stepfunctions.StateMachine;
  /**
   * What must stand before the schedule starts anything: all permissions that exports need, and everything whose failure
   * would roll the stack back under running exports.
   */
  readonly after: readonly IConstruct[];
}

/**
 * The schedule of the exports, and a queue for starts that the scheduler could not make.
 *
 * The scheduler may start the exports twice, or while those before still run. Then an export whose pool is being
 * exported ends with the status `SKIPPED` before it uses a quota.
 */
export class Schedules extends Construct {
  /** The group of all schedules of the deployment. */
  readonly group: scheduler.ScheduleGroup;

  constructor(scope: Construct, id: string, props: SchedulesProps) {
    super(scope, id);
    const { settings } = props;
    const deadLetters = new sqs.Queue(this, 'DeadLetters', {
      queueName: deadLetterQueueName(settings.name),
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(deadLetters).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'This is the dead-letter queue of the schedules. It has no consumer that could fail.',
    });
    this.group = new scheduler.ScheduleGroup(this, 'Group', {
      scheduleGroupName: settings.name,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // The CDK's own role belongs to the stack, so a schedule does not wait for the policy of that role.
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID, 'aws:SourceArn': this.group.scheduleGroupArn } },
      }),
      description: 'Starts the scheduled exports',
    });
    role.addToPolicy(RunsKey.of(this, settings).executionStatement('scheduled-exports', settings.name));
    const schedule = new scheduler.Schedule(this, 'Exports', {
      scheduleName: scheduleName(settings.name),
      description: 'Exports all user pools',
      scheduleGroup: this.group,
      schedule: expressionOf(settings),
      start: settings.firstExport,
      target: new StepFunctionsStartExecution(props.machine, {
        role,
        input: scheduler.ScheduleTargetInput.fromObject({ userPoolIds: settings.userPoolIds }),
        deadLetterQueue: deadLetters,
        // Short failures end within an hour. After it, the alarm of the queue informs the operator.
        maxEventAge: Duration.hours(1),
        retryAttempts: 10,
      }),
    });
    // Without a start, a rate begins at once. A pool that the same deployment adds needs its permissions before.
    schedule.node.addDependency(role, ...props.after);
  }
}

function expressionOf(settings: Settings): scheduler.ScheduleExpression {
  const { expression, timeZone } = settings.exportSchedule;
  return scheduler.ScheduleExpression.expression(expression, timeZone === undefined ? undefined : TimeZone.of(timeZone));
}
