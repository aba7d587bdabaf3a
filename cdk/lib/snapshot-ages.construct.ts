import { Aws, Duration } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';

import { RustFunction } from './rust-function.construct';
import { Settings } from './settings';

/** How often the age of snapshots is measured. */
const MEASURED_EVERY = Duration.minutes(5);

/** What {@link SnapshotAges} are measured with. */
export interface SnapshotAgesProps {
  /** The deployment's settings. */
  readonly settings: Settings;
  /** The group of all schedules. */
  readonly group: scheduler.IScheduleGroup;
  /** The function that ends exports, and can say how long ago it sealed the newest snapshot. */
  readonly finalize: RustFunction;
}

/**
 * Measures how old the newest sealed snapshot of each pool is, all day long.
 *
 * Nothing that happens in an export can tell that there was none. And alarms cannot look back further than a week, which is less than the
 * time between two exports of some pools; the age of a snapshot needs no looking back.
 */
export class SnapshotAges extends Construct {
  constructor(scope: Construct, id: string, props: SnapshotAgesProps) {
    super(scope, id);
    const { settings, finalize } = props;
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
      description: 'Measures how old the newest snapshots are',
    });
    role.addToPolicy(new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [finalize.lambda.functionArn] }));
    new scheduler.Schedule(this, 'Schedule', {
      scheduleName: `${settings.name}-snapshot-ages`,
      description: 'Measures how old the newest snapshots are',
      scheduleGroup: props.group,
      schedule: scheduler.ScheduleExpression.rate(MEASURED_EVERY),
      target: {
        // The CDK's own target would allow every version and alias of the function.
        bind: () => ({
          arn: finalize.lambda.functionArn,
          role,
          input: scheduler.ScheduleTargetInput.fromObject({ operation: 'watch', userPoolIds: settings.userPoolIds }),
          // A measurement that could not be made is made again five minutes later.
          retryPolicy: { maximumEventAgeInSeconds: MEASURED_EVERY.toSeconds(), maximumRetryAttempts: 1 },
        }),
      },
    });
  }
}
