import { Aws, Duration } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';

import { snapshotAgesName } from './names';
import { RustFunction } from './rust-function.construct';
import { Settings } from './settings';

/** How often the age of snapshots is measured. */
const MEASURED_EVERY = Duration.minutes(5);

export interface SnapshotAgesProps {
  readonly settings: Settings;
  /** The pools. By default, those that are exported. */
  readonly pools?: readonly string[];
  /** The name of the schedule, if it is not that for exported pools. */
  readonly scheduleName?: string;
  /** The group of all schedules of the deployment. */
  readonly group: scheduler.IScheduleGroup;
  /** The function that ends the runs of a Region. It also measures how long ago the newest snapshot was sealed. */
  readonly finalize: RustFunction;
}

/**
 * Measures the age of each pool's newest sealed snapshot, every five minutes.
 *
 * In the Region of the replica, it is the age in the replica. This proves that a function of the import starts, and that its
 * role and the key let it read the replica.
 *
 * An export cannot report that no export ran. An alarm cannot count exports either, because it looks back at
 * most one week, and some pools are exported less often. The age needs only the newest measurement.
 */
export class SnapshotAges extends Construct {
  constructor(scope: Construct, id: string, props: SnapshotAgesProps) {
    super(scope, id);
    const { settings, finalize } = props;
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        // The scheduler names the group, not the schedule. Source: "Confused deputy prevention in EventBridge Scheduler",
        // EventBridge Scheduler user guide.
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID, 'aws:SourceArn': props.group.scheduleGroupArn } },
      }),
      description: 'Measures the age of the newest snapshots',
    });
    role.addToPolicy(new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [finalize.lambda.functionArn] }));
    // The scheduler hands an event to Lambda's queue. Lambda's defaults would repeat it for up to six hours. An event that
    // also fails in its second try starts an alarm. The state machine waits for its invocations, so this does not apply to
    // them.
    finalize.lambda.configureAsyncInvoke({ retryAttempts: 1, maxEventAge: MEASURED_EVERY });
    const schedule = new scheduler.Schedule(this, 'Schedule', {
      scheduleName: props.scheduleName ?? snapshotAgesName(settings.name),
      description: 'Measures the age of the newest snapshots',
      scheduleGroup: props.group,
      schedule: scheduler.ScheduleExpression.rate(MEASURED_EVERY),
      target: {
        // The CDK's own target allows the scheduler to invoke every version and alias of the function.
        bind: () => ({
          arn: finalize.lambda.functionArn,
          role,
          input: scheduler.ScheduleTargetInput.fromObject({
            operation: 'watch',
            userPoolIds: props.pools ?? settings.userPoolIds,
          }),
          // One retry to reach Lambda is enough: the next measurement follows after five minutes.
          retryPolicy: { maximumEventAgeInSeconds: MEASURED_EVERY.toSeconds(), maximumRetryAttempts: 1 },
        }),
      },
    });
    // The first measurement needs the permission.
    schedule.node.addDependency(role);
  }
}
