import { Annotations, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';

import { keyAliases } from './names';
import { Permissions } from './operations';
import { viaService } from './partition';
import { Settings } from './settings';

/**
 * The topic of a Region. Finalize publishes the results of runs to it, alarms publish their changes, and rules of
 * EventBridge publish calls that put the backup in danger.
 *
 * The topic has its own key, which CloudWatch and EventBridge may use. The table's key is not for them, and they
 * cannot publish to a topic with a key that AWS manages.
 */
export class Notifications extends Construct {
  readonly topic: sns.Topic;
  private readonly key: kms.Key;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const alarms = new iam.ServicePrincipal('cloudwatch.amazonaws.com');
    const isThisAccount = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    this.key = new kms.Key(this, 'Key', {
      alias: keyAliases(settings.name).notifications,
      description: `Encrypts the messages of ${settings.name}`,
      enableKeyRotation: true,
      // The topic stores a message for minutes only, so the key may go with the stack.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.key.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsEncryptMessages',
        principals: [alarms],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
        conditions: isThisAccount,
      }),
    );
    this.topic = new sns.Topic(this, 'Topic', { topicName: settings.name, masterKey: this.key, enforceSSL: true });
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsTellTheTopic',
        principals: [alarms],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: isThisAccount,
      }),
    );
    this.letEventsPublish();
    if (settings.notificationEmail !== undefined) {
      this.topic.addSubscription(new EmailSubscription(settings.notificationEmail));
    } else {
      Annotations.of(this).addWarningV2(
        'cognito-backup:no-email',
        `NotificationEmail is not set. No address gets messages about failed runs and alarms, unless you subscribe to the topic ${settings.name} in ${Stack.of(this).region} yourself.`,
      );
    }
  }

  /**
   * Lets rules of EventBridge publish. A condition on the account would refuse them all, because EventBridge names no
   * account to SNS and KMS. A rule of another account needs a role that may publish here, and no such role exists.
   *
   * Source: "Amazon SNS permissions" in "Using resource-based policies for Amazon EventBridge", EventBridge user guide.
   */
  private letEventsPublish(): void {
    const principals = [new iam.ServicePrincipal('events.amazonaws.com')];
    this.key.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'EventsEncryptMessages',
        principals,
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
      }),
    );
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'EventsTellTheTopic',
        principals,
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
      }),
    );
  }

  /** The statements with which a function may publish to the topic. */
  publishStatements({ sns: actions, kms }: Permissions): iam.PolicyStatement[] {
    return [
      new iam.PolicyStatement({
        sid: 'TellTheTopic',
        actions: actions.map((action) => `sns:${action}`),
        resources: [this.topic.topicArn],
      }),
      new iam.PolicyStatement({
        sid: 'UseTheKeyOfTheTopic',
        actions: kms.topic.map((action) => `kms:${action}`),
        resources: [this.key.keyArn],
        conditions: viaService(Stack.of(this), 'sns'),
      }),
    ];
  }
}
