/** The metrics of exports, which the functions write to their logs. */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

import { OPERATIONS } from './operations';

/** The namespace of the functions' own metrics. */
export const NAMESPACE = OPERATIONS.metrics.namespace;

/** The metrics that alarms and the dashboard use. */
export const EXPORT_METRICS = [
  'SnapshotsSealed',
  'Users',
  'UsersLost',
  'PruningFailed',
  'ConfigurationIncomplete',
  'ConfigurationChanged',
  'RecordsWritten',
  'Calls',
  'ThrottledCalls',
  'Duration',
  'NewestSnapshotAge',
] as const;

export type ExportMetric = (typeof EXPORT_METRICS)[number];

/** A metric of the exports of `pool`. Each export writes one value, so the statistic is the maximum. */
export function exportMetric(name: ExportMetric, pool: string, options: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: NAMESPACE,
    metricName: name,
    dimensionsMap: { Operation: 'Export', UserPoolId: pool },
    statistic: cloudwatch.Stats.MAXIMUM,
    ...options,
  });
}
