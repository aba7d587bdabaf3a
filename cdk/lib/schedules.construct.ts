import { Duration, RemovalPolicy, TimeZone, Validations } from 'aws-cdk-lib';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

import { Settings } from './settings';

/** What {@link Schedules} are made from. */
export interface SchedulesProps {
  /** The deployment's settings. */
  readonly settings: Settings;
  /** The export state machine. */
  readonly machine: stepfunctions.StateMachine;
}

/**
 * One schedule a pool, and a queue for those exports that could not be started.
 *
 * A schedule may fire twice, or while the export before it still runs. Nothing here keeps the second execution from starting; it is
 * refused by the lease on its pool, with the error `ExportAlreadyRunning`, before it makes a call that counts.
 */
export class Schedules extends Construct {
  /** Where the scheduler leaves what it could not start. */
  readonly deadLetters: sqs.Queue;
  /** All schedules of the deployment are in it. */
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
      reason: 'It is the dead-letter queue of the schedules and has no consumer that could fail.',
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
          // An hour of trying outlasts a hiccup; after that the queue's alarm calls for somebody.
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
