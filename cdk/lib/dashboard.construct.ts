import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';

import { Settings } from './settings';
import { Alarms } from './alarms.construct';
import { ExportMetric, exportMetric } from './run-metrics';
import { RunMachine } from './run-machine.construct';
import { Schedules } from './schedules.construct';

/** The width of the dashboard in CloudWatch's units. */
const WIDTH = 24;

export interface DashboardProps {
  readonly settings: Settings;
  /** The alarms of the primary Region. */
  readonly alarms: Alarms;
  /** The import state machine of the primary Region. */
  readonly imports: RunMachine;
  /** The exports of the primary Region. Undefined if the deployment exports no pools. */
  readonly exports?: { readonly run: RunMachine; readonly schedules: Schedules };
  /** The ARN of the import state machine in the secondary Region. */
  readonly secondaryImportArn: string;
}

/**
 * The dashboard: alarms, runs, functions and table of the primary Region, and imports of the secondary
 * Region.
 */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const { settings, exports } = props;
    const dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: settings.name,
      defaultInterval: Duration.days(7),
    });
    dashboard.addWidgets(
      new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms: props.alarms.all, width: WIDTH, height: 3 }),
    );
    if (exports !== undefined) {
      dashboard.addWidgets(
        graph('Snapshots sealed', exportMetrics('SnapshotsSealed', settings)),
        graph('Exports', runCounts(exports.run)),
        graph('Exports not started', [exports.schedules.deadLetters.metricApproximateNumberOfMessagesVisible()]),
      );
    }
    if (settings.userPoolIds.length > 0) {
      dashboard.addWidgets(
        graph('Users in a snapshot', exportMetrics('Users', settings)),
        graph('Users lost since the snapshot before, per cent', exportMetrics('UsersLost', settings)),
        graph('Age of the newest snapshot, seconds', exportMetrics('NewestSnapshotAge', settings)),
        graph('New records of a snapshot', exportMetrics('RecordsWritten', settings)),
        graph('Cognito calls of an export', exportMetrics('Calls', settings)),
        graph('Cognito calls that were throttled', exportMetrics('ThrottledCalls', settings)),
      );
    }
    dashboard.addWidgets(
      graph('Imports', runCounts(props.imports)),
      graph(`Imports in ${settings.secondaryRegion}`, runCountsInRegion(props.secondaryImportArn, settings.secondaryRegion)),
      graph('Duration of runs', [props.imports, ...(exports ? [exports.run] : [])].map(durationOf)),
    );
    const functions = [...(exports?.run.functions ?? []), ...props.imports.functions].map((rustFunction) => rustFunction.lambda);
    dashboard.addWidgets(
      graph(
        'Invocations',
        functions.map((lambdaFunction) => lambdaFunction.metricInvocations()),
      ),
      graph(
        'Errors of functions',
        functions.map((lambdaFunction) => lambdaFunction.metricErrors()),
      ),
      graph(
        'Throttled invocations',
        functions.map((lambdaFunction) => lambdaFunction.metricThrottles()),
      ),
    );
    dashboard.addWidgets(...tableGraphs(settings));
  }
}

function graph(title: string, left: cloudwatch.IMetric[]): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, left, width: WIDTH / 3, leftYAxis: { min: 0 } });
}

function exportMetrics(metric: ExportMetric, settings: Settings): cloudwatch.IMetric[] {
  return settings.userPoolIds.map((pool) => exportMetric(metric, pool, { period: Duration.hours(1), label: pool }));
}

function runCounts({ machine }: RunMachine): cloudwatch.IMetric[] {
  const period = Duration.hours(1);
  return [
    machine.metricStarted({ period, label: 'started' }),
    machine.metricSucceeded({ period, label: 'succeeded' }),
    machine.metricFailed({ period, label: 'failed' }),
    machine.metricAborted({ period, label: 'aborted' }),
  ];
}

function runCountsInRegion(stateMachineArn: string, region: string): cloudwatch.IMetric[] {
  return ['Started', 'Succeeded', 'Failed', 'Aborted'].map(
    (state) =>
      new cloudwatch.Metric({
        namespace: 'AWS/States',
        metricName: `Executions${state}`,
        dimensionsMap: { StateMachineArn: stateMachineArn },
        statistic: cloudwatch.Stats.SUM,
        period: Duration.hours(1),
        label: state.toLowerCase(),
        region,
      }),
  );
}

function durationOf({ machine }: RunMachine): cloudwatch.IMetric {
  return machine.metricTime({ statistic: cloudwatch.Stats.MAXIMUM, period: Duration.hours(1) });
}

function tableGraphs(settings: Settings): cloudwatch.GraphWidget[] {
  const metric = (metricName: string, dimensions: Record<string, string>, options: cloudwatch.MetricOptions = {}) =>
    new cloudwatch.Metric({
      namespace: 'AWS/DynamoDB',
      metricName,
      dimensionsMap: { TableName: settings.name, ...dimensions },
      statistic: cloudwatch.Stats.SUM,
      ...options,
    });
  return [
    graph('Table: units used', [metric('ConsumedWriteCapacityUnits', {}), metric('ConsumedReadCapacityUnits', {})]),
    graph('Table: throttled requests', [metric('WriteThrottleEvents', {}), metric('ReadThrottleEvents', {})]),
    graph(`Table: delay of the replica in ${settings.secondaryRegion}`, [
      metric('ReplicationLatency', { ReceivingRegion: settings.secondaryRegion }, { statistic: cloudwatch.Stats.MAXIMUM }),
    ]),
  ];
}
