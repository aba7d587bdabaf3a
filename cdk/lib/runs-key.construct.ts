import { ArnFormat, Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

import { keyPolicy, useForExecutions } from './key-policy';
import { Machine, keyAliases, machineArn } from './names';
import { Settings } from './settings';

/** The id of the key in its stack. */
const ID = 'RunsKey';

/**
 * How long Step Functions uses one data key. Longer means fewer calls of KMS. It is the maximum that Step Functions
 * accepts. Source: `EncryptionConfiguration`, Step Functions API reference.
 */
const DATA_KEY_REUSE = Duration.minutes(15);

/**
 * The key of one Region for what runs leave behind: the histories of executions, the definitions of the state machines,
 * and the logs.
 *
 * It is not the key of the table. That one works through DynamoDB only, and CloudWatch Logs would have to use it. So a
 * principal that may read histories and logs needs no key that opens the table. It is not the key of the topic either,
 * which CloudWatch and EventBridge may use without naming what for.
 *
 * Logs and histories go with the stack, so the key does, too.
 */
export class RunsKey extends kms.Key {
  /** The key of the stack that holds `scope`. The first call creates it. */
  static of(scope: Construct, settings: Settings): RunsKey {
    const stack = Stack.of(scope);
    return (stack.node.tryFindChild(ID) as RunsKey | undefined) ?? new RunsKey(stack, settings);
  }

  private constructor(stack: Stack, { name, keyAdministrators }: Settings) {
    super(stack, ID, {
      alias: keyAliases(name).runs,
      description: `Encrypts the executions and the logs of ${name}`,
      enableKeyRotation: true,
      policy: keyPolicy(stack, keyAdministrators, [...useForExecutions(), ...logStatements(stack)]),
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }

  /** What encrypts the definition and the executions of a state machine. */
  encryption(scope: Construct): stepfunctions.EncryptionConfiguration {
    // The CDK would let the delivery of logs decrypt everything. It cannot change the policy of a key that it imports.
    const imported = kms.Key.fromKeyArn(scope, 'ImportedKey', this.keyArn);
    return new stepfunctions.CustomerManagedEncryptionConfiguration(imported, DATA_KEY_REUSE);
  }

  /**
   * The permission to start executions of a state machine and to read them.
   *
   * AWS documents it for the role of the state machine and for readers. It does not document whether the caller of
   * StartExecution needs it.
   */
  executionStatement(machine: Machine, name: string): iam.PolicyStatement {
    return this.executionsStatement([machine], name, ['Decrypt', 'GenerateDataKey']);
  }

  /** The permission for these operations on the executions of state machines. `Decrypt` alone is enough to read them. */
  executionsStatement(machines: readonly Machine[], name: string, operations: readonly string[]): iam.PolicyStatement {
    const arns = machines.map((machine) => machineArn(Stack.of(this), name, machine));
    return new iam.PolicyStatement({
      sid: 'UseTheKeyOfExecutions',
      actions: operations.map((operation) => `kms:${operation}`),
      resources: [this.keyArn],
      conditions: {
        StringEquals: { 'kms:EncryptionContext:aws:states:stateMachineArn': arns.length === 1 ? arns.join() : arns },
      },
    });
  }
}

/**
 * Lets CloudWatch Logs use the key, for log groups of this account and Region, and the delivery of the logs of state
 * machines.
 *
 * Source: "Encrypt log data in CloudWatch Logs using AWS KMS", CloudWatch Logs user guide; "Data at rest encryption in Step
 * Functions", Step Functions developer guide. The CDK's `region-info` has the same name of the service in each partition.
 */
function logStatements(stack: Stack): iam.PolicyStatement[] {
  const arn = (resource: string) =>
    stack.formatArn({ service: 'logs', account: Aws.ACCOUNT_ID, resource, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  const statement = (sid: string, service: string, actions: string[], conditions: iam.Conditions) =>
    new iam.PolicyStatement({ sid, principals: [new iam.ServicePrincipal(service)], actions, resources: ['*'], conditions });
  return [
    statement(
      'UseForLogs',
      `logs.${stack.region}.${stack.urlSuffix}`,
      ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': arn('log-group:*') } },
    ),
    // The role of a state machine makes the data key with this context, so KMS decrypts it with this context only.
    statement('DeliverLogs', 'delivery.logs.amazonaws.com', ['kms:Decrypt'], {
      StringEquals: { 'kms:EncryptionContext:SourceArn': arn('*') },
    }),
  ];
}
