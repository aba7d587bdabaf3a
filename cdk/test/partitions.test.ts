/**
 * Synthesises deployments in Regions of every partition of AWS, and looks for names of another partition.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Template, defaultStacks, readable, synthesise } from './synthesised';

const PARTITIONS = {
  'aws-cn': { pool: 'cn-north-1_AbCdEf123', secondary: 'cn-northwest-1', suffix: 'amazonaws.com.cn' },
  'aws-us-gov': { pool: 'us-gov-west-1_AbCdEf123', secondary: 'us-gov-east-1', suffix: 'amazonaws.com' },
  // The CDK knows one Region here. CloudFormation fills in the partition of the other one.
  'aws-eusc': { pool: 'eusc-de-east-1_AbCdEf123', secondary: 'eusc-de-west-1', suffix: 'amazonaws.eu' },
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
    SnapshotRetention: 'days=35',
  });
};

/** The partitions that the ARNs of a template name. `DEPLOYMENT` is the one to which CloudFormation deploys. */
function partitionsIn(template: Template): string[] {
  const text = JSON.stringify(template.json)
    .replaceAll('arn:",{"Ref":"AWS::Partition"},":', 'arn:DEPLOYMENT:')
    .replaceAll('arn:${Partition}:', 'arn:DEPLOYMENT:');
  return [...new Set([...text.matchAll(/arn:([^:]*):/g)].map(([, partition = '']) => partition))];
}

for (const partition of Object.keys(PARTITIONS) as (keyof typeof PARTITIONS)[]) {
  test(`the templates of a deployment in ${partition} name no other partition`, () => {
    const stacks = deploymentIn(partition);
    for (const template of [stacks.primary, stacks.secondary, stacks.secondaryKey]) {
      const named = partitionsIn(template).filter((name) => ![partition, 'DEPLOYMENT'].includes(name));
      assert.deepEqual(named, []);
    }
    for (const name of ['primary', 'secondary'] as const) {
      const template = stacks[name];
      for (const { DefinitionString, DefinitionSubstitutions } of template.all('AWS::StepFunctions::StateMachine')) {
        assert.ok(['<AWS::Partition>', partition].includes(readable(DefinitionSubstitutions.Partition)));
        const states: any[] = Object.values(JSON.parse(DefinitionString).States);
        const resources = states.filter(({ Type }) => Type === 'Task').map(({ Resource }) => Resource);
        assert.deepEqual(new Set(resources), new Set(['arn:${Partition}:states:::lambda:invoke']));
      }
      const [key] = template.statements('ImportPageRole').filter(({ Sid }) => Sid === 'UseTheKeyOfTheTable');
      const via = [key?.Condition?.StringEquals?.['kms:ViaService']].flat().map(readable);
      const service = `dynamodb.${stacks.deployment[name].region}`;
      const suffixes = [PARTITIONS[partition].suffix, '<AWS::URLSuffix>'];
      assert.ok(via.includes(`${service}.amazonaws.com`), via.join());
      assert.ok(
        suffixes.some((suffix) => via.includes(`${service}.${suffix}`)),
        via.join(),
      );
    }
  });
}

test('the state machines of the standard partition call Lambda there', () => {
  for (const { DefinitionSubstitutions } of defaultStacks().primary.all('AWS::StepFunctions::StateMachine')) {
    assert.equal(DefinitionSubstitutions.Partition, 'aws');
  }
});
