import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { WORKSPACE } from './function-code';
import { RustFunction } from './rust-function.construct';
import { Settings } from './settings';

/** What a {@link RunMachine} is made from. */
export interface RunMachineProps {
  /** Which of the two definitions in `statemachines/`. */
  readonly operation: 'export' | 'import';
  /** The functions by the names with which the definition speaks of their ARNs. */
  readonly functions: Record<string, RustFunction>;
  /** The deployment's settings. */
  readonly settings: Settings;
}

/** The export or the import state machine. */
export class RunMachine extends Construct {
  /** The state machine. */
  readonly machine: stepfunctions.StateMachine;
  /** The functions that it calls. */
  readonly functions: readonly RustFunction[];

  constructor(scope: Construct, id: string, props: RunMachineProps) {
    super(scope, id);
    const { settings } = props;
    const definition = readFileSync(join(WORKSPACE, 'statemachines', `${props.operation}.asl.json`), 'utf8');
    const stateMachineName = `${settings.name}-${props.operation}`;
    this.functions = Object.values(props.functions);
    const arns = Object.entries(props.functions).map(([name, called]) => [name, called.lambda.functionArn] as const);

    this.machine = new stepfunctions.StateMachine(this, 'StateMachine', {
      stateMachineName,
      definitionBody: stepfunctions.DefinitionBody.fromString(JSON.stringify(JSON.parse(definition))),
      definitionSubstitutions: Object.fromEntries(arns),
      tracingEnabled: true,
      logs: {
        // The prefix keeps log groups of AWS services from filling up a resource policy of limited length.
        destination: new logs.LogGroup(this, 'Logs', {
          logGroupName: `/aws/vendedlogs/states/${stateMachineName}`,
          retention: settings.logRetentionDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: stepfunctions.LogLevel.ALL,
        // The input of an import may name people, and logs carry no personal data.
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
      'The delivery of logs and X-Ray have no resources: what Step Functions needs of them can only be allowed on all.',
    );
  }
}
