import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { DefinedMachine } from './defined-machine.construct';
import { executionArns } from './names';
import { RunsKey } from './runs-key.construct';
import { Settings } from './settings';

/**
 * Cognito's quota of listing calls per second, for an account in a Region. AWS does not raise it.
 * Source: "Quotas in Amazon Cognito", developer guide.
 */
const LISTING_QUOTA = 30;

/**
 * How many pools the scheduled exports read at once: together they stay below Cognito's quota of listing calls, without
 * the headroom for other clients. At least one. Step Functions would take 0 as no limit.
 */
export function exportsAtOnce({ cognitoTps, quotaHeadroom }: Pick<Settings, 'cognitoTps' | 'quotaHeadroom'>): number {
  // Whole numbers: 30 × (1 − 0.9) would be a little below 3.
  return Math.max(1, Math.floor((LISTING_QUOTA * (100 - quotaHeadroom)) / (100 * cognitoTps)));
}

export interface ScheduledExportsProps {
  readonly settings: Settings;
  /** The export state machine. */
  readonly exportMachine: stepfunctions.StateMachine;
}

/** The state machine that a schedule starts. It exports all pools of the deployment, some at once. */
export class ScheduledExports extends DefinedMachine {
  constructor(scope: Construct, id: string, props: ScheduledExportsProps) {
    const { settings, exportMachine } = props;
    super(scope, id, {
      definition: 'scheduled-exports',
      substitutions: { ExportStateMachineArn: exportMachine.stateMachineArn },
      adjust: (definition) => (definition.States['Export the pools'].MaxConcurrency = exportsAtOnce(settings)),
      settings,
    });
    const stack = Stack.of(this);
    const executions = executionArns(stack, settings.name, 'export');
    const rule = stack.formatArn({
      service: 'events',
      resource: 'rule',
      resourceName: 'StepFunctionsGetEventsForStepFunctionsExecutionRule',
    });
    // Source: "IAM policies for calling Step Functions", Step Functions developer guide.
    const statements: [string, string[], string][] = [
      ['StartExports', ['states:StartExecution'], exportMachine.stateMachineArn],
      ['WatchExports', ['states:DescribeExecution', 'states:StopExecution'], executions],
      ['WaitForExports', ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'], rule],
    ];
    statements.forEach(([sid, actions, resource]) =>
      this.machine.addToRolePolicy(new iam.PolicyStatement({ sid, actions, resources: [resource] })),
    );
    this.machine.addToRolePolicy(RunsKey.of(this, settings).executionStatement('export', settings.name));
    acknowledge(this.machine.role, `Resource::${executions}`, 'Step Functions gives each execution of the export a name.');
  }
}
