import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { WORKSPACE } from './function-code';
import { RustFunction } from './rust-function.construct';
import { Settings } from './settings';

export interface RunMachineProps {
  /** The name of the definition in `statemachines/`. */
  readonly operation: 'export' | 'import';
  /** The functions, by the names of their ARNs in the definition. */
  readonly functions: Record<string, RustFunction>;
  readonly settings: Settings;
}

/** The export or the import state machine. */
export class RunMachine extends Construct {
  readonly machine: stepfunctions.StateMachine;
  /** The functions that the state machine calls. */
  readonly functions: readonly RustFunction[];

  constructor(scope: Construct, id: string, props: RunMachineProps) {
    super(scope, id);
    const { settings } = props;
    const definition = readFileSync(join(WORKSPACE, 'statemachines', `${props.operation}.asl.json`), 'utf8');
    const stateMachineName = `${settings.name}-${props.operation}`;
    this.functions = Object.values(props.functions);
    const arns = Object.entries(props.functions).map(([name, rustFunction]) => [name, rustFunction.lambda.functionArn] as const);

    this.machine = new stepfunctions.StateMachine(this, 'StateMachine', {
      stateMachineName,
      definitionBody: stepfunctions.DefinitionBody.fromString(JSON.stringify(JSON.parse(definition))),
      definitionSubstitutions: { ...Object.fromEntries(arns), Partition: Stack.of(this).partition },
      tracingEnabled: true,
      logs: {
        // All log groups with this prefix share one resource policy. Otherwise its length limit is soon
        // reached.
        destination: new logs.LogGroup(this, 'Logs', {
          logGroupName: `/aws/vendedlogs/states/${stateMachineName}`,
          retention: settings.logRetentionDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: stepfunctions.LogLevel.ALL,
        // The input of an import may name users, and logs have no personal data.
        includeExecutionData: false,
      },
    });
    this.machine.addToRolePolicy(
      new iam.PolicyStatement({
        sid: 'CallTheFunctions',
        actions: ['lambda:InvokeFunction'],
        resources: arns.map(([, arn]) => arn),
      }),
    );
    acknowledge(
      this.machine.role,
      'Resource::*',
      'Log delivery and X-Ray have no resources, so IAM can allow their actions only on all resources.',
    );
  }
}
