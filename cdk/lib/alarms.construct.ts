import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

import { Notifications } from './notifications.construct';
import { exportMetric } from './run-metrics';
import { RunMachine } from './run-machine.construct';
import { Settings } from './settings';

const FIVE_MINUTES = Duration.minutes(5);

/** Several measurements of the age of snapshots fall into it, so that one that comes late is no silence. */
const AGE_PERIOD = Duration.minutes(15);

/** How often the functions of a state machine may be throttled in five minutes. One is waited out by the retries of the state machine. */
const THROTTLES_BORNE = 2;

/** By how many per cent a pool may shrink from one snapshot to the next. */
const USERS_LOST = 20;

/** How many per cent of an export's calls may be throttled: a few are nothing, because they are repeated. */
const CALLS_THROTTLED = 5;

/** What {@link Alarms} are made from. */
export interface AlarmsProps {
  /** The deployment's settings. */
  readonly settings: Settings;
  /** The topic that they tell. */
  readonly notifications: Notifications;
}

/** The alarms of a Region. */
export class Alarms extends Construct {
  /** All of them. */
  readonly all: cloudwatch.Alarm[] = [];
  private readonly settings: Settings;
  private readonly notifications: Notifications;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.settings = props.settings;
    this.notifications = props.notifications;
  }

  /** Watches a state machine: runs that fail, and functions that are throttled. */
  watchRuns(operation: 'export' | 'import', run: RunMachine): void {
    const { machine } = run;
    this.add(`${operation}-failed`, {
      alarmDescription: `An ${operation} failed, was aborted or timed out${operation === 'import' ? ', or could restore a part only' : ''}. Its execution, and \`cognito-backup status\`, say why.`,
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
    const throttles = run.functions.map((called, number) => [`f${number}`, called.lambda.metricThrottles()] as const);
    this.add(`${operation}-functions-throttled`, {
      alarmDescription: `Functions of the ${operation} are throttled: others use up the account's concurrency, or an invocation was started while another was still at work.`,
      metric: new cloudwatch.MathExpression({
        expression: throttles.map(([id]) => id).join(' + '),
        usingMetrics: Object.fromEntries(throttles),
        period: FIVE_MINUTES,
        label: 'throttled invocations',
      }),
      threshold: THROTTLES_BORNE,
    });
  }

  /** Watches the queue of those exports that could not be started. */
  watchDeadLetters(queue: sqs.Queue): void {
    this.add('exports-not-started', {
      alarmDescription: `The scheduler could not start an export. The message in ${this.settings.name}-exports-not-started says why; delete it to end the alarm.`,
      metric: queue.metricApproximateNumberOfMessagesVisible({ period: FIVE_MINUTES, statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: 0,
    });
  }

  /**
   * Watches the age of each pool's newest snapshot.
   *
   * A pool that has none has no age, and where nobody measures there is none either: silence is an alarm, too.
   */
  watchAge(): void {
    const hours = this.settings.snapshotMaxAgeHours;
    if (hours === undefined) {
      return;
    }
    for (const pool of this.settings.userPoolIds) {
      this.add(`no-snapshot-${pool}`, {
        alarmDescription: `No snapshot of user pool ${pool} was sealed for ${hours} hours, or nobody can tell.`,
        metric: exportMetric('NewestSnapshotAge', pool, { period: AGE_PERIOD }),
        threshold: Duration.hours(hours).toSeconds(),
        evaluationPeriods: 2,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
    }
  }

  /** Watches what the exports of each pool measure: fewer users than before, and calls that Cognito refuses. */
  watchMeasurements(): void {
    const period = Duration.hours(1);
    for (const pool of this.settings.userPoolIds) {
      this.add(`users-lost-${pool}`, {
        alarmDescription: `The newest snapshot of user pool ${pool} has over ${USERS_LOST} % fewer users than the one before. Whoever is missing is in that one: \`cognito-backup snapshots --pool ${pool}\`.`,
        metric: exportMetric('UsersLost', pool, { period }),
        threshold: USERS_LOST,
      });
      if (this.settings.snapshotRetention !== undefined) {
        this.add(`retention-failed-${pool}`, {
          alarmDescription: `Snapshots of user pool ${pool} that no rule keeps could not be removed. The report of the export says why; nothing that stays is touched, and the next export tries again.`,
          metric: exportMetric('PruningFailed', pool, { period }),
          threshold: 0,
        });
      }
      this.add(`calls-throttled-${pool}`, {
        alarmDescription: `Cognito throttled over ${CALLS_THROTTLED} % of the calls of an export of user pool ${pool}. Its quotas are shared by the whole account: lower CognitoTPS, or leave more room for it.`,
        metric: new cloudwatch.MathExpression({
          expression: '100 * throttled / calls',
          usingMetrics: { throttled: exportMetric('ThrottledCalls', pool), calls: exportMetric('Calls', pool) },
          period,
          label: 'per cent of calls throttled',
        }),
        threshold: CALLS_THROTTLED,
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
    this.notifications.listenTo(alarm);
    this.all.push(alarm);
  }
}
