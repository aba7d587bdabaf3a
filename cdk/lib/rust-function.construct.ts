import { ArnFormat, Aws, Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { Executable, FunctionCode } from './function-code';
import { RunsKey } from './runs-key.construct';
import { Settings } from './settings';
import { denyNetworkInterfaces, manageNetworkInterfaces, vpcConfigIn } from './vpc';

export interface RustFunctionProps {
  readonly functionName: string;
  /** One sentence about the work of the function. */
  readonly description: string;
  /** The executable that the function runs. */
  readonly executable: Executable;
  readonly code: FunctionCode;
  readonly settings: Settings;
  /** The environment variables. */
  readonly environment: Record<string, string>;
  /** The permissions of the function. It may also write its log and its traces. */
  readonly statements: readonly iam.PolicyStatement[];
  /** The temporary storage. Undefined: Lambda's default. */
  readonly temporaryStorage?: Size;
}

/** A Lambda function with one of the executables, its own role, and its own log group. */
export class RustFunction extends Construct {
  readonly lambda: lambda.Function;
  readonly role: iam.Role;
  /** The published version. A deployment keeps the versions before it. */
  readonly version: lambda.Version;

  constructor(scope: Construct, id: string, props: RustFunctionProps) {
    super(scope, id);
    const { settings } = props;
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com', { conditions: trustConditions(this, props.functionName) }),
      description: `Role of the function ${props.functionName}`,
    });
    props.statements.forEach((statement) => this.role.addToPolicy(statement));
    const logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${props.functionName}`,
      retention: settings.logRetentionDays,
      encryptionKey: RunsKey.of(this, settings),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    logGroup.grantWrite(this.role);
    this.lambda = new lambda.Function(this, 'Function', {
      functionName: props.functionName,
      description: props.description,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: settings.architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
      handler: 'bootstrap',
      code: props.code.of(props.executable, Stack.of(this)),
      role: this.role,
      logGroup,
      environment: props.environment,
      // The functions need less than 128 MB for a pool of any size. But Lambda's CPU share grows with the
      // memory, and with less CPU the functions could not reach a high TPS.
      memorySize: 256,
      // Lambda's maximum. An invocation ends by itself before it. The lease of a run (20 minutes) is longer.
      timeout: Duration.minutes(15),
      tracing: lambda.Tracing.ACTIVE,
      ephemeralStorageSize: props.temporaryStorage,
      // A running execution calls the version with which it began. A failed update deletes its version. Otherwise Lambda
      // would refuse to publish the same code again.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE },
    });
    this.enterVpc(props);
    this.version = this.lambda.currentVersion;
    acknowledge(
      this.role,
      'Resource::*',
      'X-Ray has no resources, so IAM can allow PutTraceSegments and PutTelemetryRecords only on all resources. With a VPC, Lambda makes network interfaces that it names itself.',
    );
  }

  /** The function's ARN as cdk-nag writes it in its findings. */
  get arnForFindings(): string {
    const stack = Stack.of(this);
    return `<${stack.getLogicalId(this.lambda.node.defaultChild as lambda.CfnFunction)}.Arn>`;
  }

  /** Puts the function into the VPC of its Region, if the settings name one. */
  private enterVpc({ settings, functionName }: RustFunctionProps): void {
    const vpcConfig = vpcConfigIn(settings, Stack.of(this).region);
    if (vpcConfig !== undefined) {
      this.role.addToPolicy(manageNetworkInterfaces());
      this.role.addToPolicy(denyNetworkInterfaces(functionArn(this, functionName)));
      (this.lambda.node.defaultChild as lambda.CfnFunction).vpcConfig = vpcConfig;
    }
  }
}

/** The ARN of a function of this Region, without a version. */
function functionArn(scope: Construct, functionName: string): string {
  return Stack.of(scope).formatArn({
    service: 'lambda',
    account: Aws.ACCOUNT_ID,
    resource: 'function',
    resourceName: functionName,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/**
 * Lets Lambda assume the role for this function only. The Lambda developer guide says that both keys limit a trust, and not
 * with which value in which call. So a call without them is allowed.
 * Source: "Defining Lambda function permissions with an execution role", Lambda developer guide.
 */
function trustConditions(scope: Construct, functionName: string): iam.Conditions {
  const arn = functionArn(scope, functionName);
  return {
    StringEqualsIfExists: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
    ArnLikeIfExists: { 'aws:SourceArn': [arn, `${arn}:*`] },
  };
}
