import { ArnFormat, Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { DefinedMachine } from './defined-machine.construct';
import { machineName } from './names';
import { RunsKey } from './runs-key.construct';
import { Settings } from './settings';

/**
 * A state machine that gives the log groups of import jobs their retention, every day.
 *
 * The deployment cannot make these groups first. Cognito names them after the id and the name of the target, which may not
 * exist yet. It makes a group without a retention when the first job of the pool begins.
 */
export class JobLogs extends DefinedMachine {
  constructor(scope: Construct, id: string, { settings }: { readonly settings: Settings }) {
    super(scope, id, {
      definition: 'job-logs',
      substitutions: {},
      adjust: (definition) => {
        const { States } = definition.States['Look at each log group'].ItemProcessor;
        States['Set the retention'].Parameters.RetentionInDays = settings.logRetentionDays;
      },
      settings,
    });
    const groups = (name: string) =>
      Stack.of(this).formatArn({
        service: 'logs',
        account: Aws.ACCOUNT_ID,
        resource: 'log-group',
        resourceName: name,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    const ofJobs = groups('/aws/cognito/userpools/*');
    const statements: [string, string[], string, string][] = [
      ['ListLogGroups', ['logs:DescribeLogGroups'], groups('*'), 'IAM lists log groups by all their names only.'],
      [
        'SetTheRetention',
        ['logs:DescribeLogStreams', 'logs:PutRetentionPolicy'],
        ofJobs,
        'Cognito names the log groups of import jobs after the pool, which may not exist yet.',
      ],
    ];
    for (const [sid, actions, resource, reason] of statements) {
      this.machine.addToRolePolicy(new iam.PolicyStatement({ sid, actions, resources: [resource] }));
      acknowledge(this.machine.role, `Resource::${resource}`, reason);
    }
    this.addSchedule(settings);
  }

  /** A day that fails is made up for on the next one. So there is no queue for starts that fail. */
  private addSchedule(settings: Settings): void {
    const name = machineName(settings.name, 'job-logs');
    const group = new scheduler.ScheduleGroup(this, 'Group', { scheduleGroupName: name, removalPolicy: RemovalPolicy.DESTROY });
    const role = new iam.Role(this, 'ScheduleRole', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID, 'aws:SourceArn': group.scheduleGroupArn } },
      }),
      description: 'Starts the state machine that gives the logs of import jobs a retention',
    });
    role.addToPolicy(RunsKey.of(this, settings).executionStatement('job-logs', settings.name));
    const schedule = new scheduler.Schedule(this, 'Schedule', {
      scheduleName: name,
      description: 'Gives the logs of import jobs a retention',
      scheduleGroup: group,
      schedule: scheduler.ScheduleExpression.rate(Duration.days(1)),
      target: new StepFunctionsStartExecution(this.machine, { role, maxEventAge: Duration.hours(1), retryAttempts: 10 }),
    });
    schedule.node.addDependency(role, this.machine);
  }
}
