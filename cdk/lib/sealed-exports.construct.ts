import { RemovalPolicy } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

import { Settings } from './settings';

/** What {@link SealedExports} are made from. */
export interface SealedExportsProps {
  /** The deployment's settings. */
  readonly settings: Settings;
  /** The export state machine. */
  readonly machine: stepfunctions.StateMachine;
}

/**
 * Counts the exports that sealed a snapshot, pool by pool.
 *
 * Step Functions' own metrics know the state machine, not the pool: of two pools, one could go without snapshots for ever behind the successes
 * of the other. So a rule a pool picks the executions that succeeded out of the events that Step Functions sends, and the rule's metric is
 * the pool's. The events are kept in a log group, as a list of all exports that went well.
 */
export class SealedExports extends Construct {
  private readonly rules = new Map<string, events.Rule>();

  constructor(scope: Construct, id: string, props: SealedExportsProps) {
    super(scope, id);
    const { settings, machine } = props;
    const logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/aws/events/${settings.name}-sealed`,
      retention: settings.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    logGroup.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal('events.amazonaws.com'), new iam.ServicePrincipal('delivery.logs.amazonaws.com')],
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    );
    for (const pool of settings.userPoolIds) {
      const rule = new events.Rule(this, pool, {
        ruleName: `${settings.name}-sealed-${pool}`,
        description: `An export of user pool ${pool} sealed a snapshot`,
        eventPattern: {
          source: ['aws.states'],
          detailType: ['Step Functions Execution Status Change'],
          detail: {
            stateMachineArn: [machine.stateMachineArn],
            status: ['SUCCEEDED'],
            // The input of the execution, as text: however it was started, it names the pool in quotation marks.
            input: [{ wildcard: `*"${pool}"*` }],
          },
        },
      });
      rule.addTarget({
        bind: () => ({
          arn: `arn:${logGroup.stack.partition}:logs:${logGroup.stack.region}:${logGroup.stack.account}:log-group:${logGroup.logGroupName}`,
        }),
      });
      this.rules.set(pool, rule);
    }
  }

  /** How many exports of a pool sealed a snapshot. */
  metric(pool: string, options: cloudwatch.MetricOptions): cloudwatch.Metric {
    const rule = this.rules.get(pool);
    if (rule === undefined) {
      throw new Error(`User pool ${pool} is not exported.`);
    }
    return new cloudwatch.Metric({
      namespace: 'AWS/Events',
      metricName: 'TriggeredRules',
      dimensionsMap: { RuleName: rule.ruleName },
      statistic: cloudwatch.Stats.SUM,
      ...options,
    });
  }
}
