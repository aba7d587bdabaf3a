/**
 * The permissions to tell other programs of the end of a run: events on the default bus, and heartbeats.
 */

import { Aws, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { acknowledge } from './acknowledge';
import { Permissions } from './operations';
import { viaService } from './partition';

/** The source of the project's events. `shared/src/model/bus_event.rs` has the same. */
export const EVENT_SOURCE = 'cognito-backup';

/** The statement with which a function may put events of the project on the default bus of its Region, and no others. */
export function eventStatement(stack: Stack, { events: actions }: Permissions): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'PutEvents',
    actions: actions.map((action) => `events:${action}`),
    resources: [stack.formatArn({ service: 'events', resource: 'event-bus', resourceName: 'default' })],
    conditions: { StringEquals: { 'events:source': EVENT_SOURCE } },
  });
}

/** The ARN of a parameter in the Region of the stack. The name may begin with a slash. */
const parameterArn = (stack: Stack, name: string): string =>
  stack.formatArn({ service: 'ssm', resource: 'parameter', resourceName: name.replace(/^\//, '') });

const anyKeyArn = (stack: Stack): string => `arn:${stack.partition}:kms:${stack.region}:${Aws.ACCOUNT_ID}:key/*`;

/**
 * The statements with which a function may read one SecureString parameter. The operator chooses its key, so the
 * statement names none. It allows a key only through Systems Manager, and only for this parameter.
 *
 * Source: "How AWS Systems Manager Parameter Store uses AWS KMS", section encryption context, AWS KMS developer guide.
 */
export function heartbeatStatements(stack: Stack, { ssm: actions }: Permissions, parameter: string): iam.PolicyStatement[] {
  const arn = parameterArn(stack, parameter);
  const { StringEquals } = viaService(stack, 'ssm');
  return [
    new iam.PolicyStatement({
      sid: 'ReadTheAddressForHeartbeats',
      actions: actions.map((action) => `ssm:${action}`),
      resources: [arn],
    }),
    new iam.PolicyStatement({
      sid: 'DecryptTheAddressForHeartbeats',
      actions: ['kms:Decrypt'],
      resources: [anyKeyArn(stack)],
      conditions: { StringEquals: { ...StringEquals, 'kms:EncryptionContext:PARAMETER_ARN': arn } },
    }),
  ];
}

/** Says in the findings of cdk-nag why the key of the parameter is not named. */
export function acknowledgeHeartbeat(stack: Stack, role: iam.Role): void {
  acknowledge(
    role,
    `Resource::${anyKeyArn(stack)}`,
    'The operator chooses the key of the parameter. A condition names the parameter, which only its key decrypts.',
  );
}
