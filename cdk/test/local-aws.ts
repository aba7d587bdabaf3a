/**
 * The app with which an end-to-end test deploys to the local AWS: the same stacks, in which functions are told where to find Cognito,
 * DynamoDB and SNS, and from which that is left out what the local AWS refuses.
 *
 * `FUNCTIONS_FOLDER` names the folder with the functions, each as `<executable>/bootstrap`; `FUNCTION_ENDPOINTS` is a JSON object with a URL for
 * each `<Region>/<function name>`.
 */

import { App, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as lambda from 'aws-cdk-lib/aws-lambda';

import { deploy } from '../lib/deployment';
import { FunctionCode } from '../lib/function-code';

const REDIRECTED = ['COGNITO_IDENTITY_PROVIDER', 'DYNAMODB', 'SNS'];

const { FUNCTIONS_FOLDER: folder, FUNCTION_ENDPOINTS: endpoints } = process.env;
if (folder === undefined || endpoints === undefined) {
  throw new Error('FUNCTIONS_FOLDER and FUNCTION_ENDPOINTS have to be set.');
}
const { primary, secondary } = deploy(new App(), new FunctionCode('BUILT', 'x86_64', folder));
for (const stack of [primary, secondary]) {
  redirect(stack, JSON.parse(endpoints));
  leaveOutMetricMath(stack);
}

function redirect(stack: Stack, urls: Record<string, string>): void {
  for (const called of stack.node.findAll().filter((construct) => construct instanceof lambda.Function)) {
    const name = (called.node.defaultChild as lambda.CfnFunction).functionName;
    const url = urls[`${stack.region}/${name}`];
    if (url === undefined) {
      throw new Error(`FUNCTION_ENDPOINTS has no ${stack.region}/${name}.`);
    }
    REDIRECTED.forEach((service) => called.addEnvironment(`AWS_ENDPOINT_URL_${service}`, url));
  }
}

/** Takes those alarms out that are worked out from several metrics: the local AWS refuses a template with one. */
function leaveOutMetricMath(stack: Stack): void {
  for (const alarm of stack.node.findAll().filter((construct) => construct instanceof cloudwatch.Alarm)) {
    if ((alarm.node.defaultChild as cloudwatch.CfnAlarm).metrics !== undefined) {
      alarm.node.scope?.node.tryRemoveChild(alarm.node.id);
    }
  }
}
