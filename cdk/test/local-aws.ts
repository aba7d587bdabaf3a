/**
 * The app with which an end-to-end test, or an operator, deploys to the local AWS. It has the same stacks, and leaves
 * out what the local AWS refuses.
 *
 * `FUNCTIONS_FOLDER` is the folder with the functions, each as `<executable>/bootstrap`: by default, the output folder of
 * cargo-lambda. `FUNCTION_ENDPOINTS` is a JSON object with a URL for each `<Region>/<function name>`. The functions then
 * get it as the endpoint of the services that they call. By default, the local AWS gives them its own endpoint.
 *
 * `FAILING_STACK` names a stack whose last resource cannot be created.
 */

import { App, CfnResource, CfnWaitCondition, CfnWaitConditionHandle, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as lambda from 'aws-cdk-lib/aws-lambda';

import { CONTEXT_NAMES } from '../lib/context';
import { deploy } from '../lib/deployment';
import { FunctionCode } from '../lib/function-code';
import { keyAliases } from '../lib/names';
import { SettingsFile, chooseSettingsFile } from '../lib/settings/file';

const LOCAL_SERVICES = ['CLOUDWATCH_LOGS', 'COGNITO_IDENTITY_PROVIDER', 'DYNAMODB', 'EVENTBRIDGE', 'KMS', 'SNS'];

const { FUNCTIONS_FOLDER: folder, FUNCTION_ENDPOINTS: endpoints } = process.env;
const app = new App();
const chosen = app.node.tryGetContext(CONTEXT_NAMES.config);
const settings = SettingsFile.read(chooseSettingsFile({ chosen, allowsExample: false }));
const code = new FunctionCode('BUILT', 'x86_64', folder);
const { settings: checked, storage, runs, watch, secondary, secondaryWatch } = deploy(app, settings.values, code);
nameKeyOfReplica(storage, checked.name);
if (endpoints !== undefined) {
  for (const stack of [runs, secondary ?? []].flat()) {
    setEndpoints(stack, JSON.parse(endpoints));
  }
}
for (const stack of [watch, secondaryWatch ?? []].flat()) {
  removeMetricMathAlarms(stack);
}

if (process.env.FAILING_STACK) {
  addFailingResource(app.node.findChild(process.env.FAILING_STACK) as Stack);
}

/** Adds a resource that waits for a signal after all others, and gets none. */
function addFailingResource(stack: Stack): void {
  const others = stack.node.findAll().filter((construct) => CfnResource.isCfnResource(construct));
  const handle = new CfnWaitConditionHandle(stack, 'FailingResourceHandle').ref;
  const failing = new CfnWaitCondition(stack, 'FailingResource', { handle, timeout: '1', count: 1 });
  others.forEach((resource) => failing.addDependency(resource));
}

/** Names the key of the replica by its alias. The local AWS reads outputs of stacks in the same Region only. */
function nameKeyOfReplica(stack: Stack, name: string): void {
  const table = stack.node.findAll().find((construct) => construct instanceof dynamodb.CfnGlobalTable);
  const { replicas } = stack.resolve({ replicas: table?.replicas }) as { replicas: { region: string }[] };
  replicas.forEach(({ region }, replica) => {
    if (region !== stack.region) {
      const key = stack.formatArn({ service: 'kms', region, resource: keyAliases(name).table });
      table?.addPropertyOverride(`Replicas.${replica}.SSESpecification.KMSMasterKeyId`, key);
    }
  });
}

function setEndpoints(stack: Stack, urls: Record<string, string>): void {
  for (const lambdaFunction of stack.node.findAll().filter((construct) => construct instanceof lambda.Function)) {
    const name = (lambdaFunction.node.defaultChild as lambda.CfnFunction).functionName;
    const url = urls[`${stack.region}/${name}`];
    if (url === undefined) {
      throw new Error(`FUNCTION_ENDPOINTS has no ${stack.region}/${name}.`);
    }
    LOCAL_SERVICES.forEach((service) => lambdaFunction.addEnvironment(`AWS_ENDPOINT_URL_${service}`, url));
  }
}

/**
 * Removes the alarms that compute a value from several metrics. The local AWS refuses a template with one.
 */
function removeMetricMathAlarms(stack: Stack): void {
  Validations.of(stack).acknowledge({
    id: 'CloudFormation-Validate::F1020',
    reason: 'The dashboard names the alarms that this app removes. The local AWS shows no dashboard.',
  });
  for (const alarm of stack.node.findAll().filter((construct) => construct instanceof cloudwatch.Alarm)) {
    if ((alarm.node.defaultChild as cloudwatch.CfnAlarm).metrics !== undefined) {
      alarm.node.scope?.node.tryRemoveChild(alarm.node.id);
    }
  }
}
