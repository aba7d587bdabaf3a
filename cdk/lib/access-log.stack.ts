import { Aws, CfnOutput, Duration, RemovalPolicy, Stack, StackProps, Validations } from 'aws-cdk-lib';
import * as cloudtrail from 'aws-cdk-lib/aws-cloudtrail';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

import { accessTrailName, tableArn, tableArnIn } from './names';
import { Settings } from './settings';

/**
 * The stack of the log of reads and writes: a trail of CloudTrail for the items of the table and its replica, and its
 * bucket. The trail records no other events, so it costs nothing for them.
 *
 * An event has the keys of items, which hold the `sub` of users, and no other content of items.
 *
 * The bucket stays if the stack is deleted, because it may be evidence.
 */
export class AccessLogStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: who reads and writes the backup table` });
    const bucket = new s3.Bucket(this, 'Bucket', {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [{ expiration: Duration.days(settings.logRetentionDays) }],
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'The bucket is itself a log. CloudTrail writes it, and the files have signed digests that show a change.',
    });
    const trailName = accessTrailName(settings.name);
    this.letTrailWrite(bucket, trailName);
    const trail = new cloudtrail.CfnTrail(this, 'Trail', {
      trailName,
      s3BucketName: bucket.bucketName,
      isLogging: true,
      // The replica is in another Region.
      isMultiRegionTrail: settings.secondaryRegion !== undefined,
      includeGlobalServiceEvents: settings.secondaryRegion !== undefined,
      enableLogFileValidation: true,
      advancedEventSelectors: selectors(this, settings),
    });
    // CloudTrail checks that it may write before it makes the trail.
    trail.node.addDependency(bucket.policy ?? bucket);
    new CfnOutput(this, 'AccessLogBucket', { value: bucket.bucketName, description: 'The log of reads and writes' });
  }

  /** Source: "Amazon S3 bucket policy for CloudTrail", CloudTrail user guide. */
  private letTrailWrite(bucket: s3.Bucket, trailName: string): void {
    const principals = [new iam.ServicePrincipal('cloudtrail.amazonaws.com')];
    const arn = this.formatArn({ service: 'cloudtrail', account: Aws.ACCOUNT_ID, resource: 'trail', resourceName: trailName });
    bucket.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'LetCloudTrailCheck',
        principals,
        actions: ['s3:GetBucketAcl'],
        resources: [bucket.bucketArn],
        conditions: { StringEquals: { 'aws:SourceArn': arn } },
      }),
    );
    bucket.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'LetCloudTrailWrite',
        principals,
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects(`AWSLogs/${Aws.ACCOUNT_ID}/*`)],
        conditions: { StringEquals: { 's3:x-amz-acl': 'bucket-owner-full-control', 'aws:SourceArn': arn } },
      }),
    );
  }
}

/** The events of the table, the replica, and the stream of each, from which a principal can read items, too. */
function selectors(stack: Stack, { name, secondaryRegion }: Settings): cloudtrail.CfnTrail.AdvancedEventSelectorProperty[] {
  const tables = [tableArn(stack, name), ...[secondaryRegion ?? []].flat().map((region) => tableArnIn(stack, name, region))];
  const selector = (title: string, type: string, arns: object) => ({
    name: title,
    fieldSelectors: [
      { field: 'eventCategory', equalTo: ['Data'] },
      { field: 'resources.type', equalTo: [type] },
      { field: 'resources.ARN', ...arns },
    ],
  });
  return [
    selector('table and replica', 'AWS::DynamoDB::Table', { equalTo: tables }),
    selector('streams', 'AWS::DynamoDB::Stream', { startsWith: tables.map((table) => `${table}/stream/`) }),
  ];
}
