import { Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

import { messageRuleName, topicArn } from './names';

export interface MessageRuleProps {
  /** The name of the deployment. */
  readonly name: string;
  /** The end of the rule's name. The guide for operators has a row with this name. */
  readonly danger: string;
  readonly eventPattern: events.EventPattern;
  /** What happened. The text names no caller, because the name of a caller can be that of a person. */
  readonly message: string;
}

/** A rule that sends a message to the topic of its Region. */
export class MessageRule extends Construct {
  constructor(scope: Construct, id: string, { name, danger, eventPattern, message }: MessageRuleProps) {
    super(scope, id);
    const { region } = Stack.of(this);
    const topic = sns.Topic.fromTopicArn(this, 'Topic', topicArn(Stack.of(this), name));
    const text = `${name} in ${region}: ${message} What to do: docs/guides/operate.md, ${danger}.`;
    new events.Rule(this, 'Rule', {
      ruleName: messageRuleName(name, danger),
      description: 'Tells of a danger to the backup',
      eventPattern,
      targets: [new SnsTopic(topic, { message: events.RuleTargetInput.fromText(text) })],
    });
  }
}

/** A call that is a danger. A call that the service refused changes nothing, so it is none. */
export interface Call {
  /** The end of the name of the service, as in `aws.kms`. */
  readonly service: string;
  /** The calls, by their names and requests. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The pattern of a call, as CloudTrail records it. */
export function callPattern({ service, detail }: Call): events.EventPattern {
  return {
    source: [`aws.${service}`],
    detailType: ['AWS API Call via CloudTrail'],
    detail: { eventSource: [`${service}.amazonaws.com`], errorCode: [{ exists: false }], ...detail },
  };
}

/** The calls that make keys unusable. A request may name a key by its id or its ARN. The resources of the event have the ARN. */
export function callsAgainstKeys(arns: readonly string[]): Call {
  return { service: 'kms', detail: { eventName: ['ScheduleKeyDeletion', 'DisableKey'], resources: { ARN: arns } } };
}

/** The sentence that says where the caller is found. */
export function whereTheCallerIs(): string {
  const [call, time, id] = ['detail.eventName', 'time', 'detail.eventID'].map((path) => events.EventField.fromPath(`$.${path}`));
  return `CloudTrail has the caller of ${call} at ${time}, in the event ${id}.`;
}
