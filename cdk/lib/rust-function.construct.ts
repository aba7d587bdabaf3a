import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

import { acknowledge } from './acknowledge';
import { Executable, FunctionCode } from './function-code';
import { Settings } from './settings';

/** What a {@link RustFunction} is made from. */
export interface RustFunctionProps {
  /** The function's name. */
  readonly functionName: string;
  /** What it does, in a sentence. */
  readonly description: string;
  /** Which of the executables it runs. */
  readonly executable: Executable;
  /** The executables. */
  readonly code: FunctionCode;
  /** The deployment's settings. */
  readonly settings: Settings;
  /** Its environment variables. */
  readonly environment: Record<string, string>;
  /** What it may do, beside writing its log and its traces. */
  readonly statements: readonly iam.PolicyStatement[];
  /** How many invocations may run at once; no limit of its own if undefined. */
  readonly reservedConcurrency?: number;
  /** Its temporary storage; Lambda's own default if undefined. */
  readonly temporaryStorage?: Size;
}

/** A Lambda function with one of the executables, a role of its own, and a log group that goes with it. */
export class RustFunction extends Construct {
  /** The function. */
  readonly lambda: lambda.Function;
  /** Its role. */
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: RustFunctionProps) {
    super(scope, id);
    const { settings } = props;
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: `Role of the function ${props.functionName}`,
    });
    props.statements.forEach((statement) => this.role.addToPolicy(statement));
    const logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${props.functionName}`,
      retention: settings.logRetentionDays,
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
      // The functions stay below 128 MB, of a pool of any size. CPU comes with memory, and less of it would make them slower than their limit at high TPS.
      memorySize: 256,
      // Lambda's longest. A function ends by itself before, and the lease of a run, 20 minutes, outlasts every invocation.
      timeout: Duration.minutes(15),
      tracing: lambda.Tracing.ACTIVE,
      reservedConcurrentExecutions: props.reservedConcurrency,
      ephemeralStorageSize: props.temporaryStorage,
    });
    acknowledge(
      this.role,
      'Resource::*',
      'X-Ray has no resources: PutTraceSegments and PutTelemetryRecords can only be allowed on all.',
    );
  }
}
