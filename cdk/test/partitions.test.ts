/**
 * Synthesises deployments in Regions of every partition of AWS, and looks for names of another partition.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Template, defaultStacks, readable, synthesise } from './synthesised';

/** The Regions, and the suffixes that `kms:ViaService` has in each: that of the primary and of the secondary Region. */
const PARTITIONS = {
  'aws-cn': {
    pool: 'cn-north-1_AbCdEf123',
    secondary: 'cn-northwest-1',
    suffixes: { runs: ['amazonaws.com', 'amazonaws.com.cn'], secondary: ['amazonaws.com', 'amazonaws.com.cn'] },
  },
  'aws-us-gov': {
    pool: 'us-gov-west-1_AbCdEf123',
    secondary: 'us-gov-east-1',
    suffixes: { runs: ['amazonaws.com'], secondary: ['amazonaws.com'] },
  },
  // AWS has one Region here. The other one is invented, so CloudFormation fills in its suffix.
  'aws-eusc': {
    pool: 'eusc-de-east-1_AbCdEf123',
    secondary: 'eusc-de-west-1',
    suffixes: { runs: ['amazonaws.com', 'amazonaws.eu'], secondary: ['amazonaws.com', '<AWS::URLSuffix>'] },
  },
};

/** A deployment with all settings that make ARNs. */
const deploymentIn = (partition: keyof typeof PARTITIONS) => {
  const { pool, secondary } = PARTITIONS[partition];
  return synthesise({
    UserPoolIds: pool,
    SecondaryRegion: secondary,
    TrustedPrincipals: `111122223333,arn:${partition}:iam::444455556666:role/restore`,
    GroupRoleArns: `arn:${partition}:iam::111122223333:role/editors`,
    CaptureConfiguration: 'YES',
    FormerUserPoolIds: `${pool}4`,
    CopyFrom: `arn:${partition}:dynamodb:${secondary}:444455556666:table/source-backup`,
    SnapshotRetention: 'days=35',
    BackupVault: 'YES',
    BreakGlassRole: `arn:${partition}:iam::111122223333:role/break-glass`,
    KeyAdministrators: `arn:${partition}:iam::111122223333:role/key-admin`,
  });
};

/** The partitions that the ARNs of a template name. `DEPLOYMENT` is the one to which CloudFormation deploys. */
function partitionsIn(template: Template): string[] {
  const text = JSON.stringify(template.json)
    .replaceAll('arn:",{"Ref":"AWS::Partition"},":', 'arn:DEPLOYMENT:')
    .replaceAll('arn:${Partition}:', 'arn:DEPLOYMENT:');
  return [...new Set([...text.matchAll(/arn:([^:]*):/g)].map(([, partition = '']) => partition))];
}

/** The values of all conditions `kms:ViaService` of a template, by service. All conditions of a service are equal. */
function viaServicesOf(template: Template): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const operators of valuesOf(template.json, 'Condition').filter((value) => typeof value === 'object')) {
    for (const values of valuesOf(operators, 'kms:ViaService')) {
      const hosts = [values].flat().map(readable);
      const service = hosts[0]?.split('.')[0] ?? assert.fail();
      assert.deepEqual(hosts, found.get(service) ?? hosts);
      found.set(service, hosts);
    }
  }
  return new Map([...found].sort());
}

/** The services that policies of a template name as principals. */
function servicePrincipalsOf(json: any): string[] {
  return valuesOf(json, 'Principal').flatMap((principal) => [principal.Service ?? []].flat().map(readable));
}

/** The values of all members with this name, at any depth. */
function valuesOf(json: any, name: string): any[] {
  if (typeof json !== 'object' || json === null) {
    return [];
  }
  return Object.entries(json).flatMap(([key, value]) => [...(key === name ? [value] : []), ...valuesOf(value, name)]);
}

for (const partition of Object.keys(PARTITIONS) as (keyof typeof PARTITIONS)[]) {
  test(`the templates of a deployment in ${partition} name no other partition`, () => {
    const stacks = deploymentIn(partition);
    for (const template of Object.values(stacks).filter((value) => value instanceof Template)) {
      const named = partitionsIn(template).filter((name) => ![partition, 'DEPLOYMENT'].includes(name));
      assert.deepEqual(named, []);
    }
    for (const name of ['runs', 'secondary'] as const) {
      const template = stacks[name];
      for (const { DefinitionString, DefinitionSubstitutions } of template.all('AWS::StepFunctions::StateMachine')) {
        assert.ok(['<AWS::Partition>', partition].includes(readable(DefinitionSubstitutions.Partition)));
        const resources = [...DefinitionString.matchAll(/"Resource":"([^"]+)"/g)].map(([, resource]) => resource);
        assert.ok(resources.length > 0);
        resources.forEach((resource) =>
          assert.match(
            resource,
            /^arn:\$\{Partition\}:states:::(lambda:invoke|states:startExecution\.sync:2|aws-sdk:cloudwatchlogs:\w+)$/,
          ),
        );
      }
      const region = stacks.deployment[name]?.region;
      const hosts = (service: string) => PARTITIONS[partition].suffixes[name].map((suffix) => `${service}.${region}.${suffix}`);
      assert.deepEqual(
        viaServicesOf(template),
        new Map([
          ['dynamodb', hosts('dynamodb')],
          ['sns', hosts('sns')],
        ]),
      );
      const principals = servicePrincipalsOf(template.json);
      assert.ok(principals.length > 0);
      principals.forEach((principal) =>
        assert.match(principal, /^(([a-z-]+|delivery\.logs)\.amazonaws\.com|logs\.[a-z0-9-]+\.<AWS::URLSuffix>)$/),
      );
    }
  });
}

test('the state machines of the standard partition call Lambda there', () => {
  for (const { DefinitionSubstitutions } of defaultStacks().runs.all('AWS::StepFunctions::StateMachine')) {
    assert.equal(DefinitionSubstitutions.Partition, 'aws');
  }
});
