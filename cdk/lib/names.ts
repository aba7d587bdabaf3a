/**
 * The names of what a deployment creates, and the ARNs that follow from them.
 *
 * A stack finds what another stack has created by its name. An export that another stack imports can be neither
 * changed nor deleted, so it would bind the two stacks to each other. Only the ARNs of keys do not follow from a name.
 */

import { ArnFormat, Aws, Stack } from 'aws-cdk-lib';

/** What the functions of a state machine do. */
export type Operation = 'export' | 'import';

/** A state machine. Each has a definition of this name in `statemachines/`. */
export type Machine = Operation | 'removal' | 'copy' | 'scheduled-exports' | 'job-logs';

/** The functions of each state machine. */
export const STEPS = ['enumerate', 'page', 'finalize'] as const;

/** The function of a state machine. */
export type Step = (typeof STEPS)[number];

/** The names of the stacks of the deployment `name`. */
export function stackNames(name: string) {
  return {
    secondaryKey: `${name}-secondary-key`,
    storage: name,
    runs: `${name}-runs`,
    watch: `${name}-watch`,
    secondary: `${name}-secondary`,
    secondaryWatch: `${name}-secondary-watch`,
    vault: `${name}-vault`,
    accessLog: `${name}-access-log`,
  };
}

/** Below this path, each deployment of an account and Region records its settings. */
export const SETTINGS_PATH = '/cognito-backup';

/** The parameter in which the deployment `name` records its settings. */
export function settingsParameterName(name: string): string {
  return `${SETTINGS_PATH}/${name}/settings`;
}

/** The name of a function. */
export function functionName(name: string, operation: Operation, step: Step): string {
  return `${name}-${operation}-${step}`;
}

/** The names of all functions of a state machine. */
export function functionNames(name: string, operation: Operation): string[] {
  return STEPS.map((step) => functionName(name, operation, step));
}

/** The name of the function that removes snapshots. */
export function removalFunctionName(name: string): string {
  return `${name}-remove`;
}

/** The name of the function that copies snapshots from another account. */
export function copyFunctionName(name: string): string {
  return `${name}-copy`;
}

/** The group of the schedules of copies from another account. */
export function copiesGroupName(name: string): string {
  return `${name}-copies`;
}

/** The schedule that copies new snapshots from another account. */
export function copyScheduleName(name: string): string {
  return `${name}-copies`;
}

/** The rule that starts removals. */
export function removalRuleName(name: string): string {
  return `${machineName(name, 'removal')}-start`;
}

/** The name of a state machine. */
export function machineName(name: string, machine: Machine): string {
  return `${name}-${machine}`;
}

/** The rule for executions of a state machine that were stopped. */
export function stoppedRuleName(name: string, operation: Operation): string {
  return `${machineName(name, operation)}-stopped`;
}

/** The rule that sends a message. `danger` says what is in danger. */
export function messageRuleName(name: string, danger: string): string {
  return `${name}-${danger}`;
}

/** The name of an alarm. `alarm` says what is wrong. */
export function alarmName(name: string, alarm: string): string {
  return `${name}-${alarm}`;
}

/** The queue of exports that the scheduler could not start. */
export function deadLetterQueueName(name: string): string {
  return `${name}-exports-not-started`;
}

/** The schedule of the exports of all pools. */
export function scheduleName(name: string): string {
  return `${name}-exports`;
}

/** The schedule that measures the age of snapshots. */
export function snapshotAgesName(name: string): string {
  return `${name}-snapshot-ages`;
}

/** The role for other accounts in a Region. The names of roles are unique in all Regions of an account. */
export function readerRoleName(name: string, region: string): string {
  return `${name}-reader-${region}`;
}

/** The managed policy for people with this work in a Region. The names of policies are unique in an account, too. */
export function personPolicyName(name: string, work: string, region: string): string {
  return `${name}-${work}-${region}`;
}

/** The aliases of the keys of the deployment `name`. That of the table is the same in both Regions. */
export function keyAliases(name: string) {
  return {
    table: `alias/${name}-table`,
    configuration: `alias/${name}-configuration`,
    configurationMac: `alias/${name}-configuration-mac`,
    notifications: `alias/${name}-notifications`,
    vault: `alias/${name}-vault`,
    runs: `alias/${name}-runs`,
  };
}

/** The trail that records reads and writes of items. */
export function accessTrailName(name: string): string {
  return `${name}-access`;
}

/** The vault, and the plan that fills it. */
export function vaultName(name: string): string {
  return `${name}-vault`;
}

/**
 * A pattern for the ARN of the role with which CloudFormation deploys, in all Regions. `cdk bootstrap` makes it, and its
 * qualifier may differ.
 */
export function deploymentRoleArn(stack: Stack): string {
  return `arn:${stack.partition}:iam::${Aws.ACCOUNT_ID}:role/cdk-*-cfn-exec-role-${Aws.ACCOUNT_ID}-*`;
}

/** The ARN of the table in the Region of the stack. */
export function tableArn(stack: Stack, name: string): string {
  return stack.formatArn({ service: 'dynamodb', resource: 'table', resourceName: name });
}

/** The ARN of the table in another Region. */
export function tableArnIn(stack: Stack, name: string, region: string): string {
  return stack.formatArn({ service: 'dynamodb', region, account: Aws.ACCOUNT_ID, resource: 'table', resourceName: name });
}

/** The ARN of the topic in the Region of the stack. It has the name of the deployment. */
export function topicArn(stack: Stack, name: string): string {
  return stack.formatArn({ service: 'sns', resource: name });
}

/** A pattern for the ARNs of the executions of a state machine, in the Region of the stack. */
export function executionArns(stack: Stack, name: string, machine: Machine): string {
  return stack.formatArn({
    service: 'states',
    resource: 'execution',
    resourceName: `${machineName(name, machine)}:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** The ARN of a state machine, by default in the Region of the stack. */
export function machineArn(stack: Stack, name: string, machine: Machine, region = stack.region): string {
  return stack.formatArn({
    service: 'states',
    region,
    account: Aws.ACCOUNT_ID,
    resource: 'stateMachine',
    resourceName: machineName(name, machine),
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
