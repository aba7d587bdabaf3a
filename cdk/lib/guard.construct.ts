import { Annotations, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

import { guardRuleName, tableArn, topicArn } from './names';
import { Settings } from './settings';

export interface GuardProps {
  readonly settings: Settings;
  /** The ARNs of the keys in this Region without which the backup cannot be read. */
  readonly keyArns: readonly string[];
  /** The pools in this Region that are backed up. */
  readonly userPoolIds: readonly string[];
}

/** A call that puts the backup or a pool in danger. */
interface Danger {
  /** The end of the rule's name. */
  readonly id: string;
  /** The end of the name of the service, as in `aws.kms`. */
  readonly service: string;
  /** The calls, by their names and requests. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** What happened. The text names no caller, because the name of a caller can be that of a person. */
  readonly message: string;
}

/**
 * The rules for calls that put the backup in danger, in one Region. Each sends a message to the topic of the Region.
 *
 * EventBridge gets these calls only from an account with a trail that records management events. A call that the
 * service refused changes nothing, so it sends no message.
 *
 * The key of the topic has no rule. A topic without its key cannot send a message.
 */
export class Guard extends Construct {
  constructor(scope: Construct, id: string, props: GuardProps) {
    super(scope, id);
    const { settings } = props;
    const stack = Stack.of(this);
    const topic = sns.Topic.fromTopicArn(this, 'Topic', topicArn(stack, settings.name));
    const dangers = [
      ...keyDangers(props.keyArns),
      ...tableDangers(settings, [settings.name, tableArn(stack, settings.name)]),
      ...poolDangers(props.userPoolIds),
    ];
    for (const { id: danger, service, detail, message } of dangers) {
      const field = (path: string) => events.EventField.fromPath(`$.${path}`);
      const rule = new events.Rule(this, danger, {
        ruleName: guardRuleName(settings.name, danger),
        description: 'Tells of a call that puts the backup in danger',
        eventPattern: {
          source: [`aws.${service}`],
          detailType: ['AWS API Call via CloudTrail'],
          detail: { eventSource: [`${service}.amazonaws.com`], errorCode: [{ exists: false }], ...detail },
        },
      });
      const text = `${settings.name} in ${stack.region}: ${message} CloudTrail has the caller of ${field('detail.eventName')} at ${field('time')}, in the event ${field('detail.eventID')}. What to do: docs/guides/operate.md, ${danger}.`;
      rule.addTarget(new SnsTopic(topic, { message: events.RuleTargetInput.fromText(text) }));
    }
  }
}

function keyDangers(keyArns: readonly string[]): Danger[] {
  return [
    {
      id: 'key-in-danger',
      service: 'kms',
      // A request may name a key by its id or its ARN. The resources of the event have the ARN.
      detail: { eventName: ['ScheduleKeyDeletion', 'DisableKey'], resources: { ARN: keyArns } },
      message: `The key ${events.EventField.fromPath('$.detail.resources[0].ARN')} was disabled, or is going to be deleted. Without it, the backup cannot be read.`,
    },
  ];
}

/** @param names the name of the table and its ARN. A request may have either. */
function tableDangers(settings: Settings, names: readonly string[]): Danger[] {
  const service = 'dynamodb';
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
