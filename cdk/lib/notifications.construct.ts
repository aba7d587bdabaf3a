import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';

import { Rights } from './operations';
import { Settings } from './settings';

/**
 * The topic of a Region: told by finalize how runs end, and by alarms that something is wrong.
 *
 * Its key is another one than the table's, because CloudWatch may use it, and could not tell of alarms through a topic with a key that AWS manages.
 */
export class Notifications extends Construct {
  /** The topic. */
  readonly topic: sns.Topic;
  private readonly key: kms.Key;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const alarms = new iam.ServicePrincipal('cloudwatch.amazonaws.com');
    const ofThisAccount = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    this.key = new kms.Key(this, 'Key', {
      alias: `alias/${settings.name}-notifications`,
      description: `Encrypts the messages of ${settings.name}`,
      enableKeyRotation: true,
      // Messages are on their way for minutes: nothing is lost with the key.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.key.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsEncryptMessages',
        principals: [alarms],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
        conditions: ofThisAccount,
      }),
    );
    this.topic = new sns.Topic(this, 'Topic', { topicName: settings.name, masterKey: this.key, enforceSSL: true });
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsTellTheTopic',
        principals: [alarms],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: ofThisAccount,
      }),
    );
    if (settings.notificationEmail !== undefined) {
      this.topic.addSubscription(new EmailSubscription(settings.notificationEmail));
    }
  }

  /** What a function with these rights needs to tell the topic. */
  publishStatements({ sns: actions, kms }: Rights): iam.PolicyStatement[] {
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
        conditions: { StringEquals: { 'kms:ViaService': `sns.${Stack.of(this).region}.amazonaws.com` } },
      }),
    ];
  }

  /** Has an alarm tell the topic. */
  listenTo(alarm: cloudwatch.Alarm): void {
    alarm.addAlarmAction(new SnsAction(this.topic));
  }
}
