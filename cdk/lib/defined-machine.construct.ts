import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Aws, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { WORKSPACE } from './function-code';
import { Machine, machineArn, machineName } from './names';
import { RunsKey } from './runs-key.construct';
import { Settings } from './settings';

export interface DefinedMachineProps {
  readonly definition: Machine;
  /** The values of the definition's placeholders. `Partition` is added. */
  readonly substitutions: Record<string, string>;
  /**
   * Changes the definition before it is deployed. A placeholder can stand only for a text, and some members are
   * numbers.
   */
  readonly adjust: (definition: any) => void;
  readonly settings: Settings;
}

/** A state machine with a definition of `statemachines/`, its logs and its traces. */
export class DefinedMachine extends Construct {
  readonly machine: stepfunctions.StateMachine;

  constructor(scope: Construct, id: string, props: DefinedMachineProps) {
    super(scope, id);
    const { settings } = props;
    const definition = JSON.parse(readFileSync(join(WORKSPACE, 'statemachines', `${props.definition}.asl.json`), 'utf8'));
    props.adjust(definition);
    const stateMachineName = machineName(settings.name, props.definition);
    const key = RunsKey.of(this, settings);
    this.machine = new stepfunctions.StateMachine(this, 'StateMachine', {
      stateMachineName,
      definitionBody: stepfunctions.DefinitionBody.fromString(JSON.stringify(definition)),
      encryptionConfiguration: key.encryption(this),
      definitionSubstitutions: { ...props.substitutions, Partition: Stack.of(this).partition },
      tracingEnabled: true,
      logs: {
        // All log groups with this prefix share one resource policy. Otherwise its length limit is soon
        // reached.
        destination: new logs.LogGroup(this, 'Logs', {
          logGroupName: `/aws/vendedlogs/states/${stateMachineName}`,
          retention: settings.logRetentionDays,
          encryptionKey: key,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: stepfunctions.LogLevel.ALL,
        // The input of an import may name users, and logs have no personal data.
        includeExecutionData: false,
      },
    });
    this.narrowTrust(settings.name, props.definition);
    acknowledge(
      this.machine.role,
      'Resource::*',
      'Log delivery and X-Ray have no resources, so IAM can allow their actions only on all resources.',
    );
  }

  /**
   * Lets Step Functions assume the role for this state machine only.
   * Source: "Prevent cross-service confused deputy issues", Step Functions developer guide.
   */
  private narrowTrust(name: string, machine: Machine): void {
    const role = this.machine.role.node.defaultChild as iam.CfnRole;
    role.addPropertyOverride('AssumeRolePolicyDocument.Statement.0.Condition', {
      StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      // The CDK's own condition allows all state machines of the account.
      ArnLike: { 'aws:SourceArn': machineArn(Stack.of(this), name, machine) },
    });
  }
}
