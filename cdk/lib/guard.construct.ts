import { Annotations, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';

import { Call, MessageRule, callPattern, callsAgainstKeys, whereTheCallerIs } from './message-rule.construct';
import { tableArn } from './names';
import { Settings } from './settings';

export interface GuardProps {
  readonly settings: Settings;
  /** The ARNs of the keys in this Region without which the backup cannot be read. */
  readonly keyArns: readonly string[];
  /** The pools in this Region that are backed up. */
  readonly userPoolIds: readonly string[];
}

/** A call that puts the backup or a pool in danger. */
interface Danger extends Call {
  /** The end of the rule's name. */
  readonly id: string;
  /** What happened. */
  readonly message: string;
}

/**
 * The rules for calls that put the backup in danger, in one Region. Each sends a message to the topic of the Region.
 *
 * EventBridge gets these calls only from an account with a trail that records management events.
 *
 * The key of the topic has no rule. A topic without its key cannot send a message.
 */
export class Guard extends Construct {
  constructor(scope: Construct, id: string, props: GuardProps) {
    super(scope, id);
    const { settings } = props;
    const dangers = [
      ...keyDangers(props.keyArns),
      ...tableDangers(settings, tableArn(Stack.of(this), settings.name)),
      ...poolDangers(props.userPoolIds),
    ];
    for (const { id: danger, message, ...call } of dangers) {
      new MessageRule(this, danger, {
        name: settings.name,
        danger,
        eventPattern: callPattern(call),
        message: `${message} ${whereTheCallerIs()}`,
      });
    }
  }
}

function keyDangers(keyArns: readonly string[]): Danger[] {
  return [
    {
      id: 'key-in-danger',
      ...callsAgainstKeys(keyArns),
      message: `The key ${events.EventField.fromPath('$.detail.resources[0].ARN')} was disabled, or is going to be deleted. Without it, a part of the backup is lost.`,
    },
    {
      id: 'key-access-changed',
      service: 'kms',
      detail: { eventName: ['PutKeyPolicy', 'RevokeGrant'], resources: { ARN: keyArns } },
      message: `The policy of the key ${events.EventField.fromPath('$.detail.resources[0].ARN')} was changed, or a grant of it was revoked. If DynamoDB may no longer use the key, the backup cannot be read.`,
    },
  ];
}

function tableDangers(settings: Settings, arn: string): Danger[] {
  const service = 'dynamodb';
  // A request may have either.
  const names = [settings.name, arn];
  const request = (parameters: object = {}) => ({ requestParameters: { tableName: names, ...parameters } });
  const regions = regionsOf(settings);
  return [
    {
      id: 'recovery-off',
      service,
      detail: {
        eventName: ['UpdateContinuousBackups'],
        ...request({
          pointInTimeRecoverySpecification: {
            // The longest period is also the default.
            $or: [{ pointInTimeRecoveryEnabled: [false] }, { recoveryPeriodInDays: [{ numeric: ['<', 35] }] }],
          },
        }),
      },
      message: 'Point-in-time recovery of the table was turned off or shortened. What is deleted now may be lost.',
    },
    {
      id: 'protection-off',
      service,
      detail: { eventName: ['UpdateTable'], ...request({ deletionProtectionEnabled: [false] }) },
      message: 'Deletion protection of the table was turned off. The table can be deleted now.',
    },
    {
      id: 'table-deleted',
      service,
      detail: {
        $or: [
          // `DeleteTableReplica` is the permission to delete a replica. It is not documented whether it is an event, too.
          { eventName: ['DeleteTable', 'DeleteTableReplica'], ...request() },
          { eventName: ['UpdateTable'], ...request({ replicaUpdates: { delete: { regionName: regions } } }) },
        ],
      },
      message: 'The table or its replica is being deleted.',
    },
    {
      id: 'table-policy-changed',
      service,
      detail: { eventName: ['PutResourcePolicy', 'DeleteResourcePolicy'], requestParameters: { resourceArn: [arn] } },
      message: 'The policy of the table was changed or deleted. The table may be deleted now.',
    },
    {
      id: 'expiry-changed',
      service,
      detail: { eventName: ['UpdateTimeToLive'], ...request() },
      message: 'The time to live of the table was changed. DynamoDB deletes items by it.',
    },
  ];
}

/** The dangers of pools. Infrastructure code that replaces a pool deletes the old one. */
function poolDangers(userPoolIds: readonly string[]): Danger[] {
  if (userPoolIds.length === 0) {
    return [];
  }
  const pool = events.EventField.fromPath('$.detail.requestParameters.userPoolId');
  const service = 'cognito-idp';
  return [
    {
      id: 'pool-deleted',
      service,
      detail: { eventName: ['DeleteUserPool'], requestParameters: { userPoolId: userPoolIds } },
      message: `The pool ${pool} was deleted or replaced. Its snapshots are still there.`,
    },
    {
      id: 'pool-unprotected',
      service,
      detail: {
        eventName: ['UpdateUserPool'],
        requestParameters: { userPoolId: userPoolIds, deletionProtection: ['INACTIVE'] },
      },
      message: `The pool ${pool} was updated without deletion protection. It can be deleted now.`,
    },
  ];
}

/** Warns that the guard needs a trail, until the operator says that there is one. */
export function warnWithoutTrail(scope: Construct, settings: Settings): void {
  if (!settings.cloudTrail) {
    Annotations.of(scope).addWarningV2(
      'cognito-backup:no-trail',
      `CloudTrail is not YES. Without a trail that records management events in ${regionsOf(settings).join(' and ')}, no message tells that a key, the table or a pool is deleted. If the account has such a trail, set CloudTrail=YES.`,
    );
  }
}

/** The Regions that have the table or its replica. */
function regionsOf({ primaryRegion, secondaryRegion }: Settings): string[] {
  return [primaryRegion, secondaryRegion ?? []].flat();
}
