import { Duration, RemovalPolicy, TimeZone, Validations } from 'aws-cdk-lib';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

import { Settings } from './settings';

export interface SchedulesProps {
  readonly settings: Settings;
  /** The export state machine. */
  readonly machine: stepfunctions.StateMachine;
}

/**
 * One schedule for each pool, and a queue for exports that the scheduler could not start.
 *
 * A schedule may start an export twice, or while the export before it still runs. The second execution
 * starts, but the pool's lease refuses it with the error `ExportAlreadyRunning` before it uses a quota.
 */
export class Schedules extends Construct {
  /** The messages of exports that the scheduler could not start. */
  readonly deadLetters: sqs.Queue;
  /** The group of all schedules of the deployment. */
  readonly group: scheduler.ScheduleGroup;

  constructor(scope: Construct, id: string, props: SchedulesProps) {
    super(scope, id);
    const { settings } = props;
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', {
      queueName: `${settings.name}-exports-not-started`,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.deadLetters).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'This is the dead-letter queue of the schedules. It has no consumer that could fail.',
    });
    this.group = new scheduler.ScheduleGroup(this, 'Group', {
      scheduleGroupName: settings.name,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    for (const pool of settings.userPoolIds) {
      new scheduler.Schedule(this, pool, {
        scheduleName: `${settings.name}-${pool}`,
        description: `Exports user pool ${pool}`,
        scheduleGroup: this.group,
        schedule: expressionOf(settings),
        target: new StepFunctionsStartExecution(props.machine, {
          input: scheduler.ScheduleTargetInput.fromObject({ userPoolId: pool }),
          deadLetterQueue: this.deadLetters,
          // Short failures end within an hour. After it, the alarm of the queue informs the operator.
          maxEventAge: Duration.hours(1),
          retryAttempts: 10,
        }),
      });
    }
  }
}

function expressionOf(settings: Settings): scheduler.ScheduleExpression {
  const { expression, timeZone } = settings.exportSchedule;
  return scheduler.ScheduleExpression.expression(expression, timeZone === undefined ? undefined : TimeZone.of(timeZone));
}
