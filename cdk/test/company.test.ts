/**
 * Goal: the settings that companies demand reach every resource that they are for, and nothing without them.
 *
 * Method: synthesise a deployment with all of them, and with the vault, and read its templates.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readSettings } from '../lib/settings';
import { effectiveSettings } from '../lib/settings/effective';
import {
  COMPANY,
  CONTEXT,
  COPY,
  EVERYTHING,
  PRIMARY,
  SECONDARY,
  Template,
  defaultStacks,
  readable,
  synthesise,
  templatesOf,
} from './synthesised';

const stacks = synthesise(EVERYTHING);

/** The problem of each wrong value, or undefined. */
function problemWith(change: Record<string, unknown>): string {
  try {
    readSettings({ ...CONTEXT, ...change });
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

test('a wrong value of a setting for companies has one problem, which says what is allowed', () => {
  const { VpcSubnetIds, VpcSecurityGroupIds, SecondaryVpcSubnetIds, SecondaryVpcSecurityGroupIds } = COMPANY;
  const vpc = { VpcSubnetIds, VpcSecurityGroupIds };
  const secondaryVpc = { SecondaryVpcSubnetIds, SecondaryVpcSecurityGroupIds };
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ ...vpc, ...secondaryVpc, VpcSubnetIds: 'vpc-0123456789abcdef0' }, /^VpcSubnetIds .* ids of subnets, such as/],
    [{ ...vpc, ...secondaryVpc, VpcSecurityGroupIds: 'default' }, /^VpcSecurityGroupIds .* ids of security groups/],
    [{ ...secondaryVpc, VpcSubnetIds }, /^VpcSecurityGroupIds is missing\. .* set this with VpcSubnetIds/],
    [{ ...vpc, ...secondaryVpc, VpcSubnetIds: [] }, /VpcSubnetIds .* set this with VpcSecurityGroupIds/],
    [vpc, /^SecondaryVpcSubnetIds is missing\. The functions of both Regions are in a VPC, or none are/],
    [secondaryVpc, /^VpcSubnetIds is missing\. The functions of both Regions/],
    [{ ...vpc, ...secondaryVpc, SecondaryRegion: 'none' }, /^SecondaryVpcSubnetIds .* no secondary Region/],
    [
      { ...vpc, ...secondaryVpc, VpcSecurityGroupIds: Array.from({ length: 6 }, (_, n) => `sg-0123456789abcdef${n}`) },
      /^VpcSecurityGroupIds .* at most 5/,
    ],
    [{ PermissionsBoundary: 'boundary' }, /^PermissionsBoundary .* ARN of a policy/],
    [{ PermissionsBoundary: 'arn:aws-cn:iam::111122223333:policy/boundary' }, /^PermissionsBoundary .* begin with arn:aws:/],
    [{ TableClass: 'IA' }, /^TableClass .* STANDARD, STANDARD_INFREQUENT_ACCESS/],
    [{ AccessLogging: 'true' }, /^AccessLogging .* NO, YES/],
    [{ Tags: { application: 'x' } }, /^Tags .* other names than application/],
    [{ Tags: { 'aws:name': 'x' } }, /^Tags .* begins with aws:/],
    [{ Tags: { 'cognito-backup': 'target' } }, /^Tags .* cognito-backup/],
    [{ Tags: { team: 'a;b' } }, /^Tags .* letters, digits, spaces/],
    [{ Tags: Object.fromEntries(Array.from({ length: 41 }, (_, n) => [`t${n}`, ''])) }, /^Tags .* at most 40 tags/],
    // YAML reads 4711 as a number.
    [{ Tags: { 'cost-center': 4711 } }, /^Tags .* Use a text\. Put a number in quotation marks/],
    [{ Tags: 'team=a' }, /^Tags .* Use names with texts/],
  ];
  for (const [change, problem] of wrong) {
    const [first = '', ...others] = problemWith(change).split('\n');
    assert.match(first, problem, JSON.stringify(change));
    assert.deepEqual(others, [], JSON.stringify(change));
  }
});

test('every role of every stack has the permissions boundary, and none without the setting', () => {
  const roles = templatesOf(stacks).flatMap((template) => template.all('AWS::IAM::Role'));
  assert.ok(roles.length > 15);
  roles.forEach((role) => assert.equal(role.PermissionsBoundary, COMPANY.PermissionsBoundary));
  for (const role of templatesOf(defaultStacks()).flatMap((template) => template.all('AWS::IAM::Role'))) {
    assert.equal(role.PermissionsBoundary, undefined);
  }
});

test('every resource that can have tags has those of the setting beside the tag of the deployment', () => {
  const expected = { ...COMPANY.Tags, application: 'cognito-backup' };
  const tagged = (template: Template) =>
    Object.entries<any>(template.json.Resources).flatMap(([id, { Properties }]) => {
      const found = Properties?.Tags ?? Properties?.BackupVaultTags ?? Properties?.BackupPlanTags;
      return found === undefined ? [] : [[id, found] as const];
    });
  let count = 0;
  for (const template of templatesOf(stacks)) {
    for (const [id, tags] of tagged(template)) {
      const map = Array.isArray(tags) ? Object.fromEntries(tags.map(({ Key, Value }: any) => [Key, Value])) : tags;
      assert.deepEqual(map, expected, id);
      count += 1;
    }
  }
  const before = templatesOf(
    synthesise({ ...CONTEXT, ...COPY, BackupVault: 'YES', CaptureConfiguration: 'YES', TrustedPrincipals: '111122223333' }),
  );
  // The bucket and the trail of the log have tags, too.
  assert.equal(count, before.flatMap(tagged).length + 2);
  const replicas = stacks.storage.only('AWS::DynamoDB::GlobalTable').Replicas;
  assert.equal(replicas.length, 2);
  replicas.forEach(({ Tags }: any) => assert.equal(Tags.length, 3));
  const { runs } = stacks.deployment;
  assert.deepEqual(runs.tags.tagValues(), expected);
});

test('all functions of a Region are in its VPC, and only Lambda may manage their network interfaces', () => {
  for (const [template, region, SubnetIds, SecurityGroupIds] of [
    [stacks.runs, PRIMARY, COMPANY.VpcSubnetIds, COMPANY.VpcSecurityGroupIds],
    [stacks.secondary, SECONDARY, COMPANY.SecondaryVpcSubnetIds, COMPANY.SecondaryVpcSecurityGroupIds],
  ] as const) {
    const functions = template.all('AWS::Lambda::Function');
    assert.ok(functions.length >= 3);
    for (const { FunctionName, VpcConfig, Role } of functions) {
      assert.deepEqual(VpcConfig, { SubnetIds, SecurityGroupIds });
      const statements = template.statements(readable(Role).slice(1).replace('.Arn>', ''));
      const [allow, deny, ...others] = statements.filter(({ actions }) => actions.some((action) => action.startsWith('ec2:')));
      assert.deepEqual([allow?.Effect, allow?.resources, deny?.Effect, others], ['Allow', ['*'], 'Deny', []]);
      assert.deepEqual(allow?.actions, deny?.actions);
      assert.ok(allow?.actions.includes('ec2:CreateNetworkInterface'));
      assert.equal(
        readable(deny?.Condition?.ArnEquals?.['lambda:SourceFunctionArn']),
        `arn:aws:lambda:${region}:<AWS::AccountId>:function:${FunctionName}`,
      );
    }
  }
  const plain = templatesOf(defaultStacks()).flatMap((template) => template.all('AWS::Lambda::Function'));
  plain.forEach(({ VpcConfig }) => assert.equal(VpcConfig, undefined));
});

test('a function in a VPC is published as another version', () => {
  const versions = (template: Template) => template.ofType('AWS::Lambda::Version').map(([id]) => id);
  const before = new Set(versions(defaultStacks().secondary));
  assert.ok(before.size >= 3);
  versions(stacks.secondary).forEach((id) => assert.ok(!before.has(id), id));
});

test('the table and its replica have the class of the setting', () => {
  const classes = (template: Template) =>
    template.only('AWS::DynamoDB::GlobalTable').Replicas.map(({ TableClass }: any) => TableClass);
  assert.deepEqual(classes(stacks.storage), ['STANDARD_INFREQUENT_ACCESS', 'STANDARD_INFREQUENT_ACCESS']);
  assert.deepEqual(classes(defaultStacks().storage), [undefined, undefined]);
});

test('the record of the settings has no text of a tag', () => {
  const { Tags, VpcSubnetIds } = effectiveSettings(readSettings({ ...CONTEXT, ...COMPANY }));
  assert.match(String(Tags), /^cost-center: hidden, digest [0-9a-f]{4},owner: hidden, digest [0-9a-f]{4}$/);
  assert.deepEqual(VpcSubnetIds, COMPANY.VpcSubnetIds);
});

test('the log of reads records items of table, replica and streams, and no other event', () => {
  const { accessLog } = stacks;
  const trail = accessLog?.only('AWS::CloudTrail::Trail') ?? assert.fail();
  assert.deepEqual([trail.IsLogging, trail.IsMultiRegionTrail, trail.EnableLogFileValidation], [true, true, true]);
  assert.equal(trail.EventSelectors, undefined);
  const fields = trail.AdvancedEventSelectors.map(({ FieldSelectors }: any) =>
    Object.fromEntries(FieldSelectors.map(({ Field, ...condition }: any) => [Field, condition])),
  );
  const table = (region: string) => `arn:aws:dynamodb:${region}:<AWS::AccountId>:table/cognito-backup`;
  const arns = [table(PRIMARY), table(SECONDARY)];
  const of = (type: string, ARN: object) => ({
    eventCategory: { Equals: ['Data'] },
    'resources.type': { Equals: [type] },
    'resources.ARN': ARN,
  });
  const read = fields.map((field: any) => ({
    ...field,
    'resources.ARN': Object.fromEntries(
      Object.entries<any>(field['resources.ARN']).map(([name, all]) => [name, all.map(readable)]),
    ),
  }));
  assert.deepEqual(read, [
    of('AWS::DynamoDB::Table', { Equals: arns }),
    of('AWS::DynamoDB::Stream', { StartsWith: arns.map((arn) => `${arn}/stream/`) }),
  ]);
  assert.equal(defaultStacks().accessLog, undefined);
});

test('the bucket of the log is private, ends its files after the retention, and only this trail may write to it', () => {
  const { accessLog } = stacks;
  const [[, bucket] = assert.fail()] = accessLog?.ofType('AWS::S3::Bucket') ?? [];
  assert.deepEqual([bucket.DeletionPolicy, bucket.UpdateReplacePolicy], ['RetainExceptOnCreate', 'Retain']);
  const { PublicAccessBlockConfiguration: access, LifecycleConfiguration, BucketEncryption } = bucket.Properties;
  assert.deepEqual(new Set(Object.values(access)), new Set([true]));
  assert.deepEqual(
    LifecycleConfiguration.Rules.map(({ ExpirationInDays, Status }: any) => [ExpirationInDays, Status]),
    [[90, 'Enabled']],
  );
  assert.ok(BucketEncryption);
  const { Statement } = accessLog?.only('AWS::S3::BucketPolicy').PolicyDocument;
  const allowed = Statement.filter(({ Effect }: any) => Effect === 'Allow');
  assert.deepEqual(
    allowed.map(({ Action, Principal }: any) => [Action, Principal.Service]),
    [
      ['s3:GetBucketAcl', 'cloudtrail.amazonaws.com'],
      ['s3:PutObject', 'cloudtrail.amazonaws.com'],
    ],
  );
  for (const { Condition } of allowed) {
    assert.equal(
      readable(Condition.StringEquals['aws:SourceArn']),
      `arn:aws:cloudtrail:${PRIMARY}:<AWS::AccountId>:trail/cognito-backup-access`,
    );
  }
  const [, trail] = accessLog?.ofType('AWS::CloudTrail::Trail')[0] ?? assert.fail();
  assert.ok(trail.DependsOn?.some((id) => id.includes('BucketPolicy')));
});
