/**
 * The app with which an end-to-end test deploys to the local AWS. It has the same stacks. The functions get
 * the endpoints of the local Cognito, DynamoDB and SNS. The app leaves out what the local AWS refuses.
 *
 * `FUNCTIONS_FOLDER` is the folder with the functions, each as `<executable>/bootstrap`. `FUNCTION_ENDPOINTS`
 * is a JSON object with a URL for each `<Region>/<function name>`.
 */

import { App, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as lambda from 'aws-cdk-lib/aws-lambda';

import { deploy } from '../lib/deployment';
import { FunctionCode } from '../lib/function-code';

const LOCAL_SERVICES = ['COGNITO_IDENTITY_PROVIDER', 'DYNAMODB', 'SNS'];

const { FUNCTIONS_FOLDER: folder, FUNCTION_ENDPOINTS: endpoints } = process.env;
if (folder === undefined || endpoints === undefined) {
  throw new Error('Set FUNCTIONS_FOLDER and FUNCTION_ENDPOINTS.');
}
const { storage, runs, watch, secondary, secondaryWatch } = deploy(new App(), new FunctionCode('BUILT', 'x86_64', folder));
nameKeyOfReplica(storage);
for (const stack of [runs, secondary]) {
  setEndpoints(stack, JSON.parse(endpoints));
}
for (const stack of [watch, secondaryWatch]) {
  removeMetricMathAlarms(stack);
}

/** Names the key of the replica by its alias. The local AWS reads outputs of stacks in the same Region only. */
function nameKeyOfReplica(stack: Stack): void {
  const table = stack.node.findAll().find((construct) => construct instanceof dynamodb.CfnGlobalTable);
  const { replicas } = stack.resolve({ replicas: table?.replicas }) as { replicas: { region: string }[] };
  replicas.forEach(({ region }, replica) => {
    if (region !== stack.region) {
      const key = stack.formatArn({ service: 'kms', region, resource: 'alias/cognito-backup-table' });
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
