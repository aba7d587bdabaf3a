/**
 * The metrics that alarms and the dashboard use: those that the functions write to their logs, and those of AWS.
 *
 * They find state machines, functions and queues by name, because those are in another stack.
 */

import { Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

import { Machine, deadLetterQueueName, machineArn } from './names';
import { OPERATIONS } from './operations';

/** The namespace of the functions' own metrics. */
export const NAMESPACE = OPERATIONS.metrics.namespace;

/** The metrics of exports that alarms and the dashboard use. */
export const EXPORT_METRICS = [
  'SnapshotsSealed',
  'Users',
  'UsersLost',
  'ConfigurationIncomplete',
  'ConfigurationChanged',
  'EventsLost',
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

/** The metrics of executions. The time is in milliseconds. */
export type MachineMetric =
  'ExecutionsStarted' | 'ExecutionsSucceeded' | 'ExecutionsFailed' | 'ExecutionsAborted' | 'ExecutionsTimedOut' | 'ExecutionTime';

/**
 * A metric of a state machine, by default the sum. With the option `region`, that of the state machine in this Region.
 * Source: "Monitoring Step Functions metrics using CloudWatch", Step Functions developer guide.
 */
export function machineMetric(
  stack: Stack,
  name: string,
  machine: Machine,
  metric: MachineMetric,
  options: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/States',
    metricName: metric,
    dimensionsMap: { StateMachineArn: machineArn(stack, name, machine, options.region) },
    statistic: cloudwatch.Stats.SUM,
    ...options,
  });
}

/** The metrics of functions. `AsyncEventsDropped` counts events that failed in every try. */
export type FunctionMetric = 'Invocations' | 'Errors' | 'Throttles' | 'AsyncEventsDropped';

/**
 * The sum of a metric of a function.
 * Source: "Using CloudWatch metrics with Lambda", Lambda developer guide.
 */
export function functionMetric(functionName: string, metric: FunctionMetric): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/Lambda',
    metricName: metric,
    dimensionsMap: { FunctionName: functionName },
    statistic: cloudwatch.Stats.SUM,
  });
}

/**
 * How long changes of the table take to another Region, in milliseconds: the longest time in the period.
 * Source: "DynamoDB metrics and dimensions", DynamoDB developer guide.
 */
export function replicationLatency(
  table: string,
  receivingRegion: string,
  options: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/DynamoDB',
    metricName: 'ReplicationLatency',
    dimensionsMap: { TableName: table, ReceivingRegion: receivingRegion },
    statistic: cloudwatch.Stats.MAXIMUM,
    ...options,
  });
}

/**
 * The events for which a rule could not start its target.
 * Source: "Monitoring Amazon EventBridge", EventBridge user guide.
 */
export function ruleFailures(ruleName: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/Events',
    metricName: 'FailedInvocations',
    dimensionsMap: { RuleName: ruleName },
    statistic: cloudwatch.Stats.SUM,
  });
}

/** The number of exports that the scheduler could not start: the messages in the queue. */
export function exportsNotStarted(name: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/SQS',
    metricName: 'ApproximateNumberOfMessagesVisible',
    dimensionsMap: { QueueName: deadLetterQueueName(name) },
    statistic: cloudwatch.Stats.MAXIMUM,
  });
}
