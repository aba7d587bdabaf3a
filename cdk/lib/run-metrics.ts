/** The metrics of exports, which the functions write to their logs (`shared/src/model/metrics.rs`). */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

/** The namespace of the functions' own metrics (`shared/aws/src/metrics.rs`). */
export const NAMESPACE = 'CognitoBackup';

/** The metrics that alarms and the dashboard use. */
export type ExportMetric =
  | 'SnapshotsSealed'
  | 'Users'
  | 'UsersLost'
  | 'PruningFailed'
  | 'RecordsWritten'
  | 'Calls'
  | 'ThrottledCalls'
  | 'Duration'
  | 'NewestSnapshotAge';

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
