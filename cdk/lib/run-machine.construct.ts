import { Duration, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { DefinedMachine } from './defined-machine.construct';
import { Operation, machineName, stoppedRuleName } from './names';
import { RustFunction } from './rust-function.construct';
import { Settings } from './settings';

export interface RunMachineProps {
  /** The name of the definition in `statemachines/`. */
  readonly operation: Operation;
  readonly enumerate: RustFunction;
  readonly page: RustFunction;
  /** The function that ends runs. It also gets the event of an execution that was stopped. */
  readonly finalize: RustFunction;
  readonly settings: Settings;
}

/**
 * The export or the import state machine.
 *
 * It calls published versions of its functions. So a deployment does not change the code under a running
 * execution: that execution keeps its definition, and the definition keeps its versions.
 */
export class RunMachine extends DefinedMachine {
  constructor(scope: Construct, id: string, props: RunMachineProps) {
    const { operation, enumerate, page, finalize, settings } = props;
    const days = operation === 'export' ? settings.exportTimeoutDays : settings.importTimeoutDays;
    super(scope, id, {
      definition: operation,
      substitutions: {
        EnumerateFunctionArn: enumerate.version.functionArn,
        [operation === 'export' ? 'ExportPageFunctionArn' : 'ImportPageFunctionArn']: page.version.functionArn,
        FinalizeFunctionArn: finalize.version.functionArn,
      },
      adjust: (definition) => (definition.TimeoutSeconds = Duration.days(days).toSeconds()),
      settings,
    });
    const functions = [enumerate, page, finalize];
    // A running execution calls the versions of its own definition, not only the newest ones.
    const versions = functions.map(({ lambda }) => `${lambda.functionArn}:*`);
    this.machine.addToRolePolicy(
      new iam.PolicyStatement({ sid: 'CallTheFunctions', actions: ['lambda:InvokeFunction'], resources: versions }),
    );
    for (const rustFunction of functions) {
      acknowledge(
        this.machine.role,
        `Resource::${rustFunction.arnForFindings}:*`,
        'A running execution calls the versions of the functions with which it began.',
      );
    }
    this.addStoppedRule(props);
  }

  /** An execution that times out or is aborted runs no other state. So an event lets finalize record its end. */
  private addStoppedRule({ finalize, operation, settings }: RunMachineProps): void {
    const ruleName = stoppedRuleName(settings.name, operation);
    const permission = new lambda.CfnPermission(this, 'StoppedPermission', {
      action: 'lambda:InvokeFunction',
      functionName: finalize.version.functionArn,
      principal: 'events.amazonaws.com',
      sourceArn: Stack.of(this).formatArn({ service: 'events', resource: 'rule', resourceName: ruleName }),
    });
    const rule = new events.Rule(this, 'Stopped', {
      ruleName,
      description: `Records the end of executions of ${machineName(settings.name, operation)} that timed out or were aborted`,
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [this.machine.stateMachineArn], status: ['ABORTED', 'TIMED_OUT'] },
      },
    });
    // EventBridge does not try again without a permission. The CDK's own target would grant it after the rule names the
    // new version.
    rule.node.addDependency(permission);
    rule.addTarget({
      bind: () => ({
        arn: finalize.version.functionArn,
        retryPolicy: { maximumRetryAttempts: 20, maximumEventAgeInSeconds: Duration.hours(2).toSeconds() },
      }),
    });
  }
}
