/** What the functions measure of exports, as they write it to their logs (`shared/src/model/metrics.rs`). */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

/** The namespace of the functions' own metrics (`shared/aws/src/metrics.rs`). */
export const NAMESPACE = 'CognitoBackup';

/** The metrics of exports that alarms and the dashboard use. */
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

/** A metric of the exports of `pool`. There is one value an export, so the greatest of a period is the one that counts. */
export function exportMetric(name: ExportMetric, pool: string, options: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: NAMESPACE,
    metricName: name,
    dimensionsMap: { Operation: 'Export', UserPoolId: pool },
    statistic: cloudwatch.Stats.MAXIMUM,
    ...options,
  });
}
