import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

import {
  Machine,
  Operation,
  alarmName,
  copyFunctionName,
  deadLetterQueueName,
  functionName,
  functionNames,
  machineName,
  removalRuleName,
  topicArn,
  vaultName,
} from './names';
import {
  MachineMetric,
  exportMetric,
  exportsNotStarted,
  functionMetric,
  machineMetric,
  replicationLatency,
  ruleFailures,
} from './run-metrics';
import { Settings } from './settings';

const FIVE_MINUTES = Duration.minutes(5);

/** The period of the alarms on the age of snapshots. It has several measurements, so one may be late. */
const AGE_PERIOD = Duration.minutes(15);

/** How long the vault may be without a new backup, in hours. The plan takes one a day, so one may fail and the next be late. */
const MAX_HOURS_WITHOUT_BACKUP = 48;

/** How much older a snapshot may be in the replica. So a failed export starts the alarm of its own Region alone. */
const REPLICA_GRACE = Duration.hours(6);

/** How long a change may take to reach another Region. It usually takes a second or two. */
const MAX_REPLICATION_LATENCY = Duration.minutes(5);

/** The maximum number of throttled invocations in five minutes. The state machine retries them. */
const MAX_THROTTLED_INVOCATIONS = 2;

/** The maximum percentage of users that a pool may lose from one snapshot to the next. */
const MAX_USERS_LOST = 20;

/** The maximum percentage of an export's calls that Cognito may throttle. The export repeats them. */
const MAX_CALLS_THROTTLED = 5;

/** The alarms of a Region. They publish to the topic of the Region. */
export class Alarms extends Construct {
  readonly all: cloudwatch.Alarm[] = [];
  private readonly action: cloudwatch.IAlarmAction;

  constructor(
    scope: Construct,
    id: string,
    private readonly settings: Settings,
  ) {
    super(scope, id);
    this.action = new SnsAction(sns.Topic.fromTopicArn(this, 'Topic', topicArn(Stack.of(this), settings.name)));
  }

  /** Adds alarms for the runs of a state machine that fail, and for its functions that are throttled. */
  addRunAlarms(operation: Operation): void {
    const { name } = this.settings;
    this.add(`${operation}-failed`, {
      alarmDescription: `An ${operation} failed, was aborted or timed out${operation === 'import' ? ', or restored only a part' : ''}. Run \`cognito-backup status\` to see why.`,
      metric: this.unsuccessful(operation, `${operation}s that failed`),
      threshold: 0,
    });
    const throttles = functionNames(name, operation).map(
      (functionName, number) => [`f${number}`, functionMetric(functionName, 'Throttles')] as const,
    );
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

  /** Adds an alarm for logs of import jobs that could not get a retention. */
  addJobLogsAlarm(): void {
    this.add('job-logs-failed', {
      alarmDescription: `Log groups of import jobs could not get a retention. The history of the newest execution of ${machineName(this.settings.name, 'job-logs')} says why. It tries again every day.`,
      metric: this.unsuccessful('job-logs', 'executions that failed'),
      threshold: 0,
    });
  }

  /** Adds an alarm for events to finalize that Lambda dropped after its last try. Only events are lost so, never steps of runs. */
  addLostEventsAlarm(operation: Operation): void {
    const finalize = functionName(this.settings.name, operation, 'finalize');
    this.add(`${operation}-events-lost`, {
      alarmDescription: `The function ${finalize} failed for an event, also when Lambda tried again: a measurement of the age of snapshots, or the end of an execution that was stopped. The log /aws/lambda/${finalize} says why.`,
      metric: functionMetric(finalize, 'AsyncEventsDropped').with({ period: FIVE_MINUTES }),
      threshold: 0,
    });
  }

  /**
   * Adds an alarm for changes of the table in this Region that reach another one late. If replication stands still, there is
   * no measurement. Then the age of the snapshots in the other Region tells.
   */
  addReplicationAlarm(receivingRegion: string): void {
    this.add('replication-delayed', {
      alarmDescription: `Changes of the table ${this.settings.name} take over ${MAX_REPLICATION_LATENCY.toMinutes()} minutes to reach ${receivingRegion}. Until they arrive, an import there sees older snapshots. Look at the AWS Health Dashboard, and at the key of the table in ${receivingRegion}.`,
      metric: replicationLatency(this.settings.name, receivingRegion, { period: FIVE_MINUTES }),
      threshold: MAX_REPLICATION_LATENCY.toMilliseconds(),
      evaluationPeriods: 3,
    });
  }

  /**
   * Adds an alarm for the age of each pool's newest snapshot in the replica. A function of the import measures it, with the
   * role and the key of imports. So it also tells that imports of this Region could not begin.
   */
  addReplicaAgeAlarms(): void {
    const hours = this.settings.snapshotMaxAgeHours;
    if (hours === undefined) {
      return;
    }
    // The number of hours need not be whole: an hourly export has an age of one and a half.
    const threshold = hours + REPLICA_GRACE.toHours();
    for (const pool of this.settings.userPoolIds) {
      this.add(`replica-stale-${pool}`, {
        alarmDescription: `The replica has no snapshot of user pool ${pool} that was sealed in the last ${threshold} hours, or the function of the import could not read it. Then no import can restore the pool here. See the log /aws/lambda/${functionName(this.settings.name, 'import', 'finalize')}, the status of the replica, and its key.`,
        metric: exportMetric('NewestSnapshotAge', pool, { period: AGE_PERIOD }),
        threshold: Duration.hours(threshold).toSeconds(),
        evaluationPeriods: 2,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
    }
  }

  /**
   * Adds an alarm for a vault into which no backup of the table comes any more. A plan that starts no job has no failure.
   *
   * Without a job there is no measurement. So missing data starts the alarm, also between the deployment of the vault and
   * the first backup. Source of metric and dimension: "AWS Backup metrics with CloudWatch", AWS Backup developer guide.
   */
  addBackupsStoppedAlarm(backupVaultName: string): void {
    this.add('backups-stopped', {
      alarmDescription: `AWS Backup has completed no backup of the table ${this.settings.name} in the last ${MAX_HOURS_WITHOUT_BACKUP} hours. Look at the newest jobs with \`aws backup list-backup-jobs --by-backup-vault-name ${vaultName(this.settings.name)}\`, and at the plan ${vaultName(this.settings.name)}. A new vault has its first backup within a day.`,
      metric: new cloudwatch.Metric({
        namespace: 'AWS/Backup',
        metricName: 'NumberOfBackupJobsCompleted',
        dimensionsMap: { BackupVaultName: backupVaultName },
        statistic: cloudwatch.Stats.SUM,
        period: Duration.hours(1),
      }),
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      evaluationPeriods: MAX_HOURS_WITHOUT_BACKUP,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    });
  }

  /** Adds alarms for exports that the scheduler, or the state machine that it starts, could not start. */
  addScheduledExportsAlarms(): void {
    const { name } = this.settings;
    this.add('exports-not-started', {
      alarmDescription: `The scheduler could not start the exports. The message in the queue ${deadLetterQueueName(name)} says why. Delete the message to end the alarm.`,
      metric: exportsNotStarted(name).with({ period: FIVE_MINUTES }),
      threshold: 0,
    });
    this.add('scheduled-exports-failed', {
      alarmDescription: `The export of at least one user pool could not be started, or the execution that starts the exports was stopped. The history of the newest execution of ${machineName(name, 'scheduled-exports')} says why. An export that has started and failed has its own alarm.`,
      metric: this.unsuccessful('scheduled-exports', 'scheduled exports that failed'),
      threshold: 0,
    });
  }

  /** Adds alarms for removals that fail, and for events that could start none. */
  addRemovalAlarms(): void {
    const { name } = this.settings;
    this.add('removal-failed', {
      alarmDescription: `The snapshots of a user pool that no retention rule keeps could not be removed. A message or the history of the newest execution of ${machineName(name, 'removal')} names the pool and the reason. The other snapshots are intact, and the next sealed snapshot starts another removal.`,
      metric: this.unsuccessful('removal', 'removals that failed'),
      threshold: 0,
    });
    // A sum of both would have no value while EventBridge, or Step Functions, sends none.
    this.add('removal-not-started', {
      alarmDescription: `EventBridge could not start ${machineName(name, 'removal')} for a sealed snapshot. So no snapshot was removed. The next sealed snapshot starts another removal. Check that the role of the rule ${removalRuleName(name)} may start it, and use the key of the runs.`,
      metric: ruleFailures(removalRuleName(name)).with({ period: FIVE_MINUTES }),
      threshold: 0,
    });
  }

  /** Adds alarms for copies from another account that fail, and for the age of the newest copy of each pool. */
  addCopyAlarms(pools: readonly string[]): void {
    const { name, snapshotMaxAgeHours: hours } = this.settings;
    this.add('copy-failed', {
      alarmDescription: `The snapshots of at least one user pool could not be copied from the other account, or one of them is damaged there. A message and the history of the newest execution of ${machineName(name, 'copy')} name the pool and the reason.`,
      metric: this.unsuccessful('copy', 'copies that failed'),
      threshold: 0,
    });
    for (const pool of this.settings.snapshotRetention === undefined ? [] : pools) {
      this.add(`events-lost-${pool}`, {
        alarmDescription: `The copy could not put the event about a copied snapshot of user pool ${pool}. So no removal of old snapshots began. The next copied snapshot starts a removal. The log of the function ${copyFunctionName(name)} says why.`,
        metric: exportMetric('EventsLost', pool, { period: Duration.hours(1) }),
        threshold: 0,
      });
    }
    if (hours === undefined) {
      return;
    }
    for (const pool of pools) {
      this.add(`no-copy-${pool}`, {
        alarmDescription: `This table has no snapshot of user pool ${pool} that was sealed in the last ${hours} hours, or the age was not measured. Either the other account took none, or the copy did not run: see the executions of ${machineName(name, 'copy')}.`,
        metric: exportMetric('NewestSnapshotAge', pool, { period: AGE_PERIOD }),
        threshold: Duration.hours(hours).toSeconds(),
        evaluationPeriods: 2,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
    }
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
   * Adds alarms for the metrics of each pool's exports: lost users, lost events, throttled calls, and the captured
   * configuration.
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
        this.add(`events-lost-${pool}`, {
          alarmDescription: `Finalize could not put the event about a sealed snapshot of user pool ${pool}. So no removal of old snapshots began. The snapshot is intact, and the next one starts a removal. The log /aws/lambda/${functionName(this.settings.name, 'export', 'finalize')} says why.`,
          metric: exportMetric('EventsLost', pool, { period }),
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

  /** The executions of a state machine that failed, were aborted or timed out. */
  private unsuccessful(machine: Machine, label: string): cloudwatch.MathExpression {
    return new cloudwatch.MathExpression({
      // Without FILL, the sum has no value where one of them has none.
      expression: 'FILL(failed, 0) + FILL(aborted, 0) + FILL(timedOut, 0)',
      usingMetrics: this.failures(machine),
      period: FIVE_MINUTES,
      label,
    });
  }

  private failures(machine: Machine): Record<'failed' | 'aborted' | 'timedOut', cloudwatch.Metric> {
    const count = (metric: MachineMetric) => machineMetric(Stack.of(this), this.settings.name, machine, metric);
    return { failed: count('ExecutionsFailed'), aborted: count('ExecutionsAborted'), timedOut: count('ExecutionsTimedOut') };
  }

  private add(name: string, props: Omit<cloudwatch.AlarmProps, 'evaluationPeriods'> & { evaluationPeriods?: number }): void {
    const alarm = new cloudwatch.Alarm(this, name, {
      alarmName: alarmName(this.settings.name, name),
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      ...props,
    });
    alarm.addAlarmAction(this.action);
    this.all.push(alarm);
  }
}
