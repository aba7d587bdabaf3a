import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

import { Notifications } from './notifications.construct';
import { exportMetric } from './run-metrics';
import { RunMachine } from './run-machine.construct';
import { Settings } from './settings';

const FIVE_MINUTES = Duration.minutes(5);

/** The period of the alarms on the age of snapshots. It has several measurements, so one may be late. */
const AGE_PERIOD = Duration.minutes(15);

/** The maximum number of throttled invocations in five minutes. The state machine retries them. */
const MAX_THROTTLED_INVOCATIONS = 2;

/** The maximum percentage of users that a pool may lose from one snapshot to the next. */
const MAX_USERS_LOST = 20;

/** The maximum percentage of an export's calls that Cognito may throttle. The export repeats them. */
const MAX_CALLS_THROTTLED = 5;

export interface AlarmsProps {
  readonly settings: Settings;
  /** The topic of the alarms. */
  readonly notifications: Notifications;
}

/** The alarms of a Region. */
export class Alarms extends Construct {
  readonly all: cloudwatch.Alarm[] = [];
  private readonly settings: Settings;
  private readonly notifications: Notifications;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.settings = props.settings;
    this.notifications = props.notifications;
  }

  /** Adds alarms for the runs of a state machine that fail, and for its functions that are throttled. */
  addRunAlarms(operation: 'export' | 'import', run: RunMachine): void {
    const { machine } = run;
    this.add(`${operation}-failed`, {
      alarmDescription: `An ${operation} failed, was aborted or timed out${operation === 'import' ? ', or restored only a part' : ''}. Run \`cognito-backup status\` to see why.`,
      metric: new cloudwatch.MathExpression({
        expression: 'failed + aborted + timedOut',
        usingMetrics: {
          failed: machine.metricFailed({ statistic: cloudwatch.Stats.SUM }),
          aborted: machine.metricAborted({ statistic: cloudwatch.Stats.SUM }),
          timedOut: machine.metricTimedOut({ statistic: cloudwatch.Stats.SUM }),
        },
        period: FIVE_MINUTES,
        label: `${operation}s that failed`,
      }),
      threshold: 0,
    });
    const throttles = run.functions.map((rustFunction, number) => [`f${number}`, rustFunction.lambda.metricThrottles()] as const);
    this.add(`${operation}-functions-throttled`, {
      alarmDescription: `Lambda throttles functions of the ${operation}: functions of this deployment and others use all of the account's concurrency. The state machine tries again. If the alarm stays, ask AWS for more concurrency.`,
      metric: new cloudwatch.MathExpression({
        expression: throttles.map(([id]) => id).join(' + '),
        usingMetrics: Object.fromEntries(throttles),
        period: FIVE_MINUTES,
        label: 'throttled invocations',
      }),
      threshold: MAX_THROTTLED_INVOCATIONS,
    });
  }

  /** Adds an alarm for exports that the scheduler could not start. */
  addDeadLetterAlarm(queue: sqs.Queue): void {
    this.add('exports-not-started', {
      alarmDescription: `The scheduler could not start an export. The message in the queue ${this.settings.name}-exports-not-started says why. Delete the message to end the alarm.`,
      metric: queue.metricApproximateNumberOfMessagesVisible({ period: FIVE_MINUTES, statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: 0,
    });
  }

  /**
   * Adds an alarm for the age of each pool's newest snapshot.
   *
   * Missing data starts the alarm, too: a pool without a snapshot has no age, and a failed measurement writes
   * none.
   */
  addSnapshotAgeAlarms(): void {
    const hours = this.settings.snapshotMaxAgeHours;
    if (hours === undefined) {
      return;
    }
    for (const pool of this.settings.userPoolIds) {
      this.add(`no-snapshot-${pool}`, {
        alarmDescription: `No export of user pool ${pool} sealed a snapshot in the last ${hours} hours, or the age was not measured. List its snapshots with \`cognito-backup snapshots --pool ${pool}\`.`,
        metric: exportMetric('NewestSnapshotAge', pool, { period: AGE_PERIOD }),
        threshold: Duration.hours(hours).toSeconds(),
        evaluationPeriods: 2,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
    }
  }

  /**
   * Adds alarms for the metrics of each pool's exports: lost users, failed retention, throttled calls, and the
   * captured configuration.
   */
  addExportMetricAlarms(): void {
    const period = Duration.hours(1);
    for (const pool of this.settings.userPoolIds) {
      this.add(`users-lost-${pool}`, {
        alarmDescription: `The newest snapshot of user pool ${pool} has over ${MAX_USERS_LOST} % fewer users than the snapshot before. The older snapshot has the missing users. Find it with \`cognito-backup snapshots --pool ${pool}\`.`,
        metric: exportMetric('UsersLost', pool, { period }),
        threshold: MAX_USERS_LOST,
      });
      if (this.settings.snapshotRetention !== undefined) {
        this.add(`retention-failed-${pool}`, {
          alarmDescription: `An export of user pool ${pool} could not remove the snapshots that no retention rule keeps. Its report says why. The other snapshots are intact, and the next export tries again.`,
          metric: exportMetric('PruningFailed', pool, { period }),
          threshold: 0,
        });
      }
      this.add(`calls-throttled-${pool}`, {
        alarmDescription: `Cognito throttled over ${MAX_CALLS_THROTTLED} % of the calls of an export of user pool ${pool}. All clients of the account share the quotas. Lower CognitoTPS, or raise QuotaHeadroom.`,
        metric: new cloudwatch.MathExpression({
          expression: '100 * throttled / calls',
          usingMetrics: { throttled: exportMetric('ThrottledCalls', pool), calls: exportMetric('Calls', pool) },
          period,
          label: 'per cent of calls throttled',
        }),
        threshold: MAX_CALLS_THROTTLED,
      });
      this.addConfigurationAlarms(pool, period);
    }
  }

  private addConfigurationAlarms(pool: string, period: Duration): void {
    if (this.settings.captureConfiguration) {
      this.add(`configuration-incomplete-${pool}`, {
        alarmDescription: `An export of user pool ${pool} lacks a part of the configuration, or could not compare it. An earlier snapshot holds the part, or Cognito denied it or did not answer. The report names the part, the reason and the snapshot that holds it.`,
        metric: exportMetric('ConfigurationIncomplete', pool, { period }),
        threshold: 0,
      });
    }
    if (this.settings.configurationChangeAlarm) {
      this.add(`configuration-changed-${pool}`, {
        alarmDescription: `The configuration of user pool ${pool} has changed since the snapshot before. The report of the export names the objects, and the snapshot before in \`configuration.changes.since\`. To see the values, replace SINCE by that snapshot: \`cognito-backup pool diff --pool ${pool} --snapshot SINCE\`.`,
        metric: exportMetric('ConfigurationChanged', pool, { period }),
        threshold: 0,
      });
    }
  }

  private add(name: string, props: Omit<cloudwatch.AlarmProps, 'evaluationPeriods'> & { evaluationPeriods?: number }): void {
    const alarm = new cloudwatch.Alarm(this, name, {
      alarmName: `${this.settings.name}-${name}`,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      ...props,
    });
    this.notifications.addAlarm(alarm);
    this.all.push(alarm);
  }
}
