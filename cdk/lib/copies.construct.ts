import { Aws, Duration, RemovalPolicy, Stack, TimeZone } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { DefinedMachine } from './defined-machine.construct';
import { copiesGroupName, copyFunctionName, copyScheduleName, machineName } from './names';
import { OPERATIONS } from './operations';
import { eventStatement } from './publishing';
import { RunProps, copyEnvironment, finalizeEnvironment } from './run-environment';
import { RunsKey } from './runs-key.construct';
import { RustFunction } from './rust-function.construct';
import { CopySettings, Settings } from './settings';
import { SnapshotAges } from './snapshot-ages.construct';
import { copyGrants, tableStatements } from './table-access';

export interface CopiesProps extends RunProps {
  readonly copyFrom: CopySettings;
}

/**
 * The copies of the new snapshots of another account.
 *
 * This deployment reads the table of the other account with a role of that account. So no principal there needs a right to
 * write here: an administrator who can delete the backup there cannot delete the copies. The function has the executable of
 * finalize. It can delete nothing and call no pool. It leaves out secrets of configurations, because the reader role cannot
 * decrypt them.
 *
 * If the scheduler cannot start a copy for long, the alarm on the age of the newest snapshot tells.
 */
export class Copies extends Construct {
  readonly run: DefinedMachine;

  constructor(scope: Construct, id: string, props: CopiesProps) {
    super(scope, id);
    const { settings, table, code, copyFrom } = props;
    const { copy: operations } = OPERATIONS.functions;
    const stack = Stack.of(this);
    const pools = settings.formerUserPoolIds;
    const copy = new RustFunction(this, 'Copy', {
      functionName: copyFunctionName(settings.name),
      description: 'Copies the new snapshots of another account, and measures their age',
      executable: 'finalize',
      code,
      settings,
      environment: { ...finalizeEnvironment(props), ...copyEnvironment(copyFrom) },
      statements: [
        new iam.PolicyStatement({ sid: 'ReadTheOtherAccount', actions: ['sts:AssumeRole'], resources: [copyFrom.roleArn] }),
        ...tableStatements(stack, table, copyGrants(pools), operations.kms.table),
        ...props.notifications.publishStatements(operations),
        eventStatement(stack, operations),
      ],
    });
    this.run = new DefinedMachine(this, 'Run', {
      definition: 'copy',
      substitutions: { CopyFunctionArn: copy.version.functionArn },
      adjust: () => undefined,
      settings,
    });
    this.run.machine.addToRolePolicy(
      new iam.PolicyStatement({
        sid: 'CallTheFunction',
        actions: ['lambda:InvokeFunction'],
        resources: [`${copy.lambda.functionArn}:*`],
      }),
    );
    acknowledge(
      this.run.machine.role,
      `Resource::${copy.arnForFindings}:*`,
      'A running execution calls the version of the function with which it began.',
    );
    const group = new scheduler.ScheduleGroup(this, 'Group', {
      scheduleGroupName: copiesGroupName(settings.name),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.schedule(settings, copyFrom, group);
    new SnapshotAges(this, 'Ages', {
      settings,
      group,
      finalize: copy,
      scheduleName: `${copiesGroupName(settings.name)}-ages`,
      pools,
    });
  }

  /** Starts the copies. An execution that finds the pool of another one at work skips it. */
  private schedule(settings: Settings, { schedule: when }: CopySettings, group: scheduler.ScheduleGroup): void {
    const role = new iam.Role(this, 'ScheduleRole', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID, 'aws:SourceArn': group.scheduleGroupArn } },
      }),
      description: `Starts ${machineName(settings.name, 'copy')}`,
    });
    role.addToPolicy(RunsKey.of(this, settings).executionStatement('copy', settings.name));
    const timeZone = when.timeZone === undefined ? undefined : TimeZone.of(when.timeZone);
    const schedule = new scheduler.Schedule(this, 'Schedule', {
      scheduleName: copyScheduleName(settings.name),
      description: 'Copies the new snapshots of another account',
      scheduleGroup: group,
      schedule: scheduler.ScheduleExpression.expression(when.expression, timeZone),
      start: settings.firstExport,
      target: new StepFunctionsStartExecution(this.run.machine, {
        role,
        input: scheduler.ScheduleTargetInput.fromObject({ userPoolIds: settings.formerUserPoolIds }),
        maxEventAge: Duration.hours(1),
        retryAttempts: 10,
      }),
    });
    // A rate begins at once, and needs the permissions before.
    schedule.node.addDependency(role, this.run);
  }
}
