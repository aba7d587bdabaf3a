import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';

import { Alarms } from './alarms.construct';
import { Operation, functionNames } from './names';
import {
  ExportMetric,
  MachineMetric,
  exportMetric,
  exportsNotStarted,
  functionMetric,
  machineMetric,
  replicationLatency,
} from './run-metrics';
import { Settings } from './settings';

/** The width of the dashboard in CloudWatch's units. */
const WIDTH = 24;

export interface DashboardProps {
  readonly settings: Settings;
  /** The alarms of the primary Region. */
  readonly alarms: Alarms;
}

/**
 * The dashboard: alarms, runs, functions and table of the primary Region, and imports of the secondary
 * Region.
 */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const { settings } = props;
    const stack = Stack.of(this);
    const operations: Operation[] = settings.userPoolIds.length > 0 ? ['export', 'import'] : ['import'];
    const dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: settings.name,
      defaultInterval: Duration.days(7),
    });
    dashboard.addWidgets(
      new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms: props.alarms.all, width: WIDTH, height: 3 }),
    );
    if (settings.userPoolIds.length > 0) {
      dashboard.addWidgets(
        graph('Snapshots sealed', exportMetrics('SnapshotsSealed', settings)),
        graph('Exports', runCounts(stack, settings, 'export')),
        graph('Exports not started', [exportsNotStarted(settings.name)]),
      );
      dashboard.addWidgets(
        graph('Users in a snapshot', exportMetrics('Users', settings)),
        graph('Users lost since the snapshot before, per cent', exportMetrics('UsersLost', settings)),
        graph('Age of the newest snapshot, seconds', exportMetrics('NewestSnapshotAge', settings)),
        graph('New records of a snapshot', exportMetrics('RecordsWritten', settings)),
        graph('Cognito calls of an export', exportMetrics('Calls', settings)),
        graph('Cognito calls that were throttled', exportMetrics('ThrottledCalls', settings)),
      );
    }
    const { secondaryRegion } = settings;
    dashboard.addWidgets(
      graph('Imports', runCounts(stack, settings, 'import')),
      ...(secondaryRegion === undefined
        ? []
        : [graph(`Imports in ${secondaryRegion}`, runCounts(stack, settings, 'import', secondaryRegion))]),
      graph(
        'Duration of runs',
        operations.map((operation) => durationOf(stack, settings, operation)),
      ),
    );
    const functions = operations.flatMap((operation) => functionNames(settings.name, operation));
    const ofFunctions = (metric: 'Invocations' | 'Errors' | 'Throttles') => functions.map((name) => functionMetric(name, metric));
    dashboard.addWidgets(
      graph('Invocations', ofFunctions('Invocations')),
      graph('Errors of functions', ofFunctions('Errors')),
      graph('Throttled invocations', ofFunctions('Throttles')),
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

/** The runs of a state machine, by default in the Region of the stack. */
function runCounts(stack: Stack, settings: Settings, operation: Operation, region?: string): cloudwatch.IMetric[] {
  const counts: [MachineMetric, string][] = [
    ['ExecutionsStarted', 'started'],
    ['ExecutionsSucceeded', 'succeeded'],
    ['ExecutionsFailed', 'failed'],
    ['ExecutionsAborted', 'aborted'],
  ];
  return counts.map(([metric, label]) =>
    machineMetric(stack, settings.name, operation, metric, { period: Duration.hours(1), label, region }),
  );
}

function durationOf(stack: Stack, settings: Settings, operation: Operation): cloudwatch.IMetric {
  const options = { statistic: cloudwatch.Stats.MAXIMUM, period: Duration.hours(1) };
  return machineMetric(stack, settings.name, operation, 'ExecutionTime', options);
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
    ...[settings.secondaryRegion ?? []]
      .flat()
      .map((region) => graph(`Table: delay of the replica in ${region}`, [replicationLatency(settings.name, region)])),
  ];
}
