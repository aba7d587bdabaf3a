/**
 * Goal: the templates of a release make what the CDK app makes for the same settings, and need nothing of the CDK.
 *
 * Method: make the templates once. Evaluate them for different parameters, synthesise the CDK app with the same settings,
 * and compare all resources.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONTEXT_NAMES } from '../lib/context';
import { PARAMETERS } from '../lib/dist/parameters';
import { fileName, releasedTemplates, templateText } from '../lib/dist/templates';
import type { StackId } from '../lib/dist/synthesis';
import { decidingNames, finishVersions } from '../lib/dist/versions';
import { type Place, differences, made } from './evaluated';
import { EMAIL, POOLS, PRIMARY, SECONDARY, Template, synthesise } from './synthesised';

const archivesWith = (digest: string) => ({
  enumerate: `enumerate-${digest}.zip`,
  'export-page': `export-page-${digest}.zip`,
  'import-page': `import-page-${digest}.zip`,
  finalize: `finalize-${digest}.zip`,
});

const TEMPLATES = releasedTemplates(archivesWith('0123456789abcdef'), 'x86_64');
const FIRST_EXPORT = '2030-01-31T12:00:00.000Z';
const STACKS: readonly StackId[] = ['secondaryKey', 'storage', 'runs', 'watch', 'secondary', 'secondaryWatch'];
const ARTIFACTS = { ArtifactBucket: 'archives', ArtifactPrefix: 'v1/' };

/** What the CDK app and a released template do differently on purpose. */
function ignore(resource: any): any {
  const { Metadata: _, ...rest } = resource;
  if (resource.Type === 'AWS::Lambda::Function') {
    const { Code: code, ...properties } = resource.Properties;
    assert.ok(code.S3Bucket && code.S3Key);
    return { ...rest, Properties: properties };
  }
  if (resource.Type === 'AWS::Lambda::Version') {
    const { Description: _description, ...properties } = resource.Properties;
    return { ...rest, Properties: properties };
  }
  return JSON.parse(JSON.stringify(rest).replaceAll(/hidden, digest [0-9a-f]{4}/g, 'hidden'));
}

interface Case {
  readonly settings: Record<string, unknown>;
  readonly parameters: Record<string, string>;
  readonly context?: Record<string, string>;
  readonly place?: Omit<Place, 'parameters' | 'region'> & { primary: string; secondary: string };
}

const CHINA = 'cn-north-1';
const KEY = `arn:aws:kms:${SECONDARY}:111122223333:key/0a1b2c3d`;

const CASES: Record<string, Case> = {
  'two pools and otherwise defaults': {
    settings: { UserPoolIds: POOLS, SecondaryRegion: SECONDARY },
    parameters: { UserPool1: POOLS[0]!, UserPool2: POOLS[1]!, SecondaryRegion: SECONDARY },
  },
  'one pool, with every other parameter': {
    settings: {
      Name: 'other-name',
      UserPoolIds: POOLS[0],
      SecondaryRegion: SECONDARY,
      ExportFrequency: 'EVERY_7_DAYS',
      CognitoTPS: 5,
      SnapshotRetention: 'days=35,monthly=12',
      LogRetentionDays: 30,
      CaptureConfiguration: 'YES',
      NotificationEmail: EMAIL,
      SnsPreference: 'ERRORS_ONLY',
    },
    parameters: {
      Name: 'other-name',
      UserPool1: POOLS[0]!,
      SecondaryRegion: SECONDARY,
      ReplicaKeyArn: KEY,
      ExportFrequency: 'EVERY_7_DAYS',
      CognitoTPS: '5',
      SnapshotRetention: 'days=35,monthly=12',
      LogRetentionDays: '30',
      CaptureConfiguration: 'YES',
      NotificationEmail: EMAIL,
      SnsPreference: 'ERRORS_ONLY',
      Protected: 'OFF',
    },
    context: { [CONTEXT_NAMES.protected]: 'OFF', [CONTEXT_NAMES.replicaKey]: KEY },
  },
  'one Region, five pools, another retention and a high TPS': {
    settings: {
      UserPoolIds: [1, 2, 3, 4, 5].map((number) => `${PRIMARY}_Pool${number}`),
      SecondaryRegion: 'none',
      ExportFrequency: 'EVERY_HOUR',
      CognitoTPS: 100,
      SnapshotRetention: 'last=9',
    },
    parameters: {
      ...Object.fromEntries([1, 2, 3, 4, 5].map((number) => [`UserPool${number}`, `${PRIMARY}_Pool${number}`])),
      SecondaryRegion: 'none',
      ExportFrequency: 'EVERY_HOUR',
      CognitoTPS: '100',
      SnapshotRetention: 'last=9',
    },
  },
  'the partition of China, and a gap between the pools': {
    settings: {
      UserPoolIds: [`${CHINA}_One`, `${CHINA}_Three`],
      SecondaryRegion: 'cn-northwest-1',
      ExportFrequency: 'EVERY_30_DAYS',
      CognitoTPS: 1,
      SnapshotRetention: 'none',
      CaptureConfiguration: 'YES',
    },
    parameters: {
      UserPool1: `${CHINA}_One`,
      UserPool3: `${CHINA}_Three`,
      SecondaryRegion: 'cn-northwest-1',
      ExportFrequency: 'EVERY_30_DAYS',
      CognitoTPS: '1',
      SnapshotRetention: 'none',
      CaptureConfiguration: 'YES',
    },
    place: { primary: CHINA, secondary: 'cn-northwest-1', partition: 'aws-cn', suffix: 'amazonaws.com.cn' },
  },
};

for (const [name, { settings, parameters, context = {}, place }] of Object.entries(CASES)) {
  test(`the released templates make what the CDK app makes: ${name}`, () => {
    const app = synthesise(settings, undefined, { ...context, [CONTEXT_NAMES.firstExport]: FIRST_EXPORT });
    for (const stack of STACKS) {
      const region = stack.startsWith('secondary') ? (place?.secondary ?? SECONDARY) : (place?.primary ?? PRIMARY);
      const here = { region, partition: place?.partition ?? 'aws', suffix: place?.suffix ?? 'amazonaws.com' };
      const expected = (app[stack as keyof typeof app] as Template).json;
      if (Object.keys(expected.Resources).length === 0) {
        assert.equal(parameters.SecondaryRegion, 'none');
        continue;
      }
      const released = made(
        TEMPLATES.get(fileName(stack)),
        { ...here, parameters: { ...ARTIFACTS, FirstExport: FIRST_EXPORT, ...parameters } },
        ignore,
      );
      const ofTheApp = made(expected, { ...here, parameters: {} }, ignore);
      const nothing = { onlyOne: [], onlyOther: [] };
      assert.deepEqual(differences(released.resources, ofTheApp.resources), nothing, `resources of ${stack}`);
      assert.deepEqual(differences(released.outputs, ofTheApp.outputs), nothing, `outputs of ${stack}`);
    }
  });
}

test('the released templates hold the removal of snapshots, unless SnapshotRetention is none', () => {
  const { Resources: resources, Parameters: parameters, Conditions: conditions } = TEMPLATES.get('runs');
  assert.equal(parameters.SnapshotRetention.Default, 'days=35,monthly=12');
  assert.deepEqual(conditions.HasSnapshotRetention, {
    'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'SnapshotRetention' }, 'none'] }],
  });
  const types = Object.entries<any>(resources)
    .filter(([id, { Condition }]) => id.startsWith('Removal') && Condition === 'HasSnapshotRetention')
    .map(([, { Type }]) => Type);
  for (const type of ['Lambda::Function', 'StepFunctions::StateMachine', 'Events::Rule', 'IAM::Role', 'Logs::LogGroup']) {
    assert.ok(types.includes(`AWS::${type}`), type);
  }
  const pattern = new RegExp(parameters.SnapshotRetention.AllowedPattern);
  ['none', 'last=1', 'days=35,monthly=12'].forEach((rules) => assert.match(rules, pattern));
  ['', 'None', 'days=0', 'days=35,none', 'days=35, monthly=12'].forEach((rules) => assert.doesNotMatch(rules, pattern));
});

test('the released templates are those of all stacks except the vault', () => {
  assert.deepEqual([...TEMPLATES.keys()].sort(), STACKS.map(fileName).sort());
});

for (const [name, template] of TEMPLATES) {
  test(`the released template ${name} uses each of its parameters and conditions, and names no other`, () => {
    const { Parameters: parameters, Conditions: conditions = {}, Metadata: metadata, ...rest } = template;
    const used = decidingNames(rest, conditions);
    const conditionsOf = JSON.stringify(rest);
    for (const parameter of Object.keys(parameters)) {
      assert.ok(used.has(parameter), parameter);
    }
    for (const condition of Object.keys(conditions)) {
      assert.ok(
        conditionsOf.includes(`"${condition}"`) || JSON.stringify(conditions).includes(`"Condition":"${condition}"`),
        condition,
      );
    }
    const grouped = metadata['AWS::CloudFormation::Interface'].ParameterGroups.flatMap((group: any) => group.Parameters);
    assert.deepEqual(grouped.sort(), Object.keys(parameters).sort());
    const ids = [...Object.keys(rest.Resources), ...Object.keys(parameters)];
    assert.equal(new Set(ids).size, ids.length);
  });

  test(`the released template ${name} has no asset, bootstrap resource, account, Region or stand-in`, () => {
    const { Parameters: _, ...rest } = template;
    const text = JSON.stringify(rest);
    for (const pattern of [
      /cdk-hnb/,
      /BootstrapVersion|cdk-bootstrap/,
      /assets?\b/i,
      /aws:cdk/,
      /\b\d{12}\b/,
      /stand-?in/i,
      /mx-?north|il-?south/i,
      /"hidden, /,
    ]) {
      assert.doesNotMatch(text, pattern);
    }
    // The examples in the comments of the state machines name a Region.
    assert.doesNotMatch(
      text.replaceAll('eu-west-1_AbCdEf123', '').replaceAll('eu-west-1_GhIjKl456', ''),
      /\b(us|eu|ap)-[a-z]+-\d/,
    );
    assert.deepEqual(
      Object.keys(template).filter((section) => section === 'Rules' || section === 'Transform'),
      [],
    );
  });

  test(`the released template ${name} is small enough for CloudFormation`, () => {
    assert.ok(Buffer.byteLength(templateText(template)) < 200_000);
    // Source: "AWS CloudFormation quotas", CloudFormation user guide.
    assert.ok(Object.keys(template.Resources).length <= 500 && Object.keys(template.Parameters).length <= 200);
    for (const parameter of Object.values<any>(template.Parameters)) {
      assert.ok(parameter.Description.length <= 4000);
    }
  });
}

test('a template that is too large for CloudFormation is refused', () => {
  assert.throws(() => templateText('x'.repeat(1_000_001)), /CloudFormation refuses more than 1000000/);
});

test('the default of each parameter is allowed', () => {
  for (const [name, declared] of [...TEMPLATES.values()].flatMap((template) => Object.entries<any>(template.Parameters))) {
    if (declared.Default !== undefined) {
      assert.ok(
        declared.AllowedValues?.includes(declared.Default) ?? new RegExp(declared.AllowedPattern).test(declared.Default),
        name,
      );
    }
  }
});

test('no parameter takes a quotation mark or a backslash, which would end a text in JSON', () => {
  const samples: Record<string, string> = { NotificationEmail: 'a@b.c', FirstExport: FIRST_EXPORT, SnapshotRetention: 'last=1' };
  for (const { name, allowedPattern } of PARAMETERS.filter((parameter) => parameter.allowedPattern !== undefined)) {
    const pattern = new RegExp(allowedPattern!);
    for (const character of ['"', '\\', '\n', ' ']) {
      for (const text of [character, `${samples[name] ?? 'eu-west-1_Pool'}${character}`, `a${character}@b.c`]) {
        assert.doesNotMatch(text, pattern, name);
      }
    }
  }
});

test('the parameter Name refuses what the setting Name refuses', () => {
  const pattern = new RegExp(PARAMETERS.find(({ name }) => name === 'Name')!.allowedPattern!);
  ['cognito-backup', 'abc', 'runs'].forEach((name) => assert.match(name, pattern));
  ['ab', 'Backup', 'backup-', 'backup-runs', 'backup-secondary-key', 'b'.repeat(33)].forEach((name) =>
    assert.doesNotMatch(name, pattern),
  );
});

test('the description of a version names each parameter that the function has, so that a change publishes a version', () => {
  for (const name of ['runs', 'secondary']) {
    const { Resources: resources, Conditions: conditions } = TEMPLATES.get(name);
    for (const version of Object.values<any>(resources).filter(({ Type: type }) => type === 'AWS::Lambda::Version')) {
      const { Code: _, Tags: __, ...settings } = resources[version.Properties.FunctionName.Ref].Properties;
      const used = PARAMETERS.map((parameter) => parameter.name).filter((parameter) =>
        decidingNames(settings, conditions).has(parameter),
      );
      assert.ok(used.includes('CognitoTPS'));
      const named = [...version.Properties.Description['Fn::Sub'].matchAll(/\$\{(\w+)\}/g)].map(([, parameter]) => parameter);
      assert.deepEqual(
        named,
        used.filter((parameter) => parameter !== 'Name'),
      );
      // Lambda takes 256 characters. No value of these parameters is longer than 70.
      assert.ok(16 + named.length * 71 <= 256);
    }
  }
});

test('another archive or setting gives a version another logical id and description, and another bucket does not', () => {
  const version = (archive: string, bucket: string, memory: number) => {
    const properties = { Code: { S3Bucket: bucket, S3Key: { 'Fn::Sub': `\${ArtifactPrefix}${archive}` } }, MemorySize: memory };
    const template = {
      Resources: {
        Page: { Type: 'AWS::Lambda::Function', Properties: properties },
        PageVersion: { Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: 'Page' } } },
        User: {
          DependsOn: ['PageVersion'],
          Properties: { Arn: { 'Fn::Sub': '${PageVersion.Arn}' }, Version: { Ref: 'PageVersion' } },
        },
      },
    };
    const finished = finishVersions(template, {}, []).Resources;
    const [id] = Object.keys(finished).filter((name) => name.startsWith('PageVersion'));
    assert.match(id!, /^PageVersion[0-9a-f]{16}$/);
    assert.equal(id, `PageVersion${finished[id!].Properties.Description}`);
    assert.deepEqual(finished.User, {
      DependsOn: [id],
      Properties: { Arn: { 'Fn::Sub': `\${${id}.Arn}` }, Version: { Ref: id } },
    });
    return id;
  };
  const first = version('page-0123456789abcdef.zip', 'one', 256);
  assert.equal(version('page-0123456789abcdef.zip', 'other', 256), first);
  assert.notEqual(version('page-fedcba9876543210.zip', 'one', 256), first);
  assert.notEqual(version('page-0123456789abcdef.zip', 'one', 512), first);
});
