/**
 * Goal: calls that put the backup or a pool in danger send a message, and no other calls do.
 *
 * Method: hold events, in the form in which CloudTrail records calls, against the patterns of the rules.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { WORKSPACE } from '../lib/function-code';
import { CONTEXT, POOLS, PRIMARY, SECONDARY, Template, defaultStacks, readable, synthesise } from './synthesised';

const TABLE = 'cognito-backup';
const OWN_KEY = /<cognito-backup(-secondary-key)?:ExportsOutputFnGetAt\w+>/;

/** The rules of the guard, by the ends of their names. */
function rulesOf(template: Template): Map<string, any> {
  return new Map(template.all('AWS::Events::Rule').map((rule) => [rule.Name.slice(`${TABLE}-`.length), rule]));
}

/** Whether EventBridge would match a value. It knows the operators that the rules use, and fails on others. */
function matches(pattern: any, value: any): boolean {
  return Object.entries<any>(pattern).every(([name, allowed]) => {
    if (name === '$or') {
      return allowed.some((alternative: any) => matches(alternative, value));
    }
    const members = [value].flat().flatMap((member) => [member?.[name]].flat());
    return Array.isArray(allowed)
      ? allowed.some((condition) => members.some((member) => holds(condition, member)))
      : matches(allowed, members);
  });
}

function holds(condition: any, value: any): boolean {
  const text = readable(condition);
  if (typeof condition !== 'object' || !text.startsWith('{')) {
    return (typeof condition === 'object' ? text : condition) === value;
  }
  const [[operator, operand], ...others] = Object.entries<any>(condition) as [[string, any]];
  assert.deepEqual(others, []);
  if (operator === 'exists') {
    return operand === (value !== undefined);
  }
  assert.deepEqual([operator, operand[0]], ['numeric', '<']);
  return typeof value === 'number' && value < operand[1];
}

/** The ends of the names of the rules that match a call. */
function matched(template: Template, service: string, detail: object): string[] {
  const event = {
    source: `aws.${service}`,
    'detail-type': 'AWS API Call via CloudTrail',
    detail: { eventSource: `${service}.amazonaws.com`, ...detail },
  };
  return [...rulesOf(template)].filter(([, { EventPattern }]) => matches(EventPattern, event)).map(([name]) => name);
}

const call = (eventName: string, requestParameters: object) => ({ eventName, requestParameters });
const ofTable = (eventName: string, parameters: object = {}, tableName = TABLE) => call(eventName, { tableName, ...parameters });
const recovery = (parameters: object) => ofTable('UpdateContinuousBackups', { pointInTimeRecoverySpecification: parameters });

/** The calls on the table that are dangers. */
const TABLE_DANGERS: [string, object][] = [
  ['recovery-off', recovery({ pointInTimeRecoveryEnabled: false })],
  ['recovery-off', recovery({ pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: 34 })],
  ['protection-off', ofTable('UpdateTable', { deletionProtectionEnabled: false })],
  ['table-deleted', ofTable('DeleteTable')],
  ['table-deleted', ofTable('UpdateTable', { replicaUpdates: [{ delete: { regionName: SECONDARY } }] })],
  ['table-deleted', ofTable('UpdateTable', { replicaUpdates: [{ delete: { regionName: PRIMARY } }] })],
  ['expiry-changed', ofTable('UpdateTimeToLive', { timeToLiveSpecification: { attributeName: 'another', enabled: true } })],
];

const HARMLESS: object[] = [
  recovery({ pointInTimeRecoveryEnabled: true }),
  recovery({ pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: 35 }),
  ofTable('UpdateTable', { deletionProtectionEnabled: true }),
  ofTable('UpdateTable', { replicaUpdates: [{ update: { regionName: SECONDARY } }] }),
  ofTable('UpdateTable', { tableClass: 'STANDARD_INFREQUENT_ACCESS' }),
  ofTable('DeleteTable', {}, 'another-table'),
  ofTable('DeleteItem'),
];

const regions = () =>
  [
    [defaultStacks().watch, PRIMARY],
    [defaultStacks().secondaryWatch, SECONDARY],
  ] as const;

test('in both Regions, a message tells of calls that put the table in danger, and of no others', () => {
  for (const [template, region] of regions()) {
    for (const [danger, detail] of TABLE_DANGERS) {
      assert.deepEqual(matched(template, 'dynamodb', detail), [danger], JSON.stringify(detail));
    }
    const arn = `arn:aws:dynamodb:${region}:<AWS::AccountId>:table/${TABLE}`;
    assert.deepEqual(matched(template, 'dynamodb', ofTable('DeleteTable', {}, arn)), ['table-deleted']);
    for (const eventName of ['PutResourcePolicy', 'DeleteResourcePolicy']) {
      assert.deepEqual(matched(template, 'dynamodb', call(eventName, { resourceArn: arn })), ['table-policy-changed']);
      assert.deepEqual(matched(template, 'dynamodb', call(eventName, { resourceArn: `${arn}2` })), []);
    }
    HARMLESS.forEach((detail) => assert.deepEqual(matched(template, 'dynamodb', detail), [], JSON.stringify(detail)));
  }
});

test('a call that the service refused sends no message', () => {
  for (const [, detail] of TABLE_DANGERS) {
    const refused = { ...detail, errorCode: 'AccessDenied' };
    assert.deepEqual(matched(defaultStacks().watch, 'dynamodb', refused), []);
  }
});

test('a message tells that a key of the deployment is disabled or going to be deleted', () => {
  const capturing = synthesise({ ...CONTEXT, CaptureConfiguration: 'YES' });
  for (const [template, count] of [
    [defaultStacks().watch, 1],
    [capturing.watch, 3],
    [defaultStacks().secondaryWatch, 1],
  ] as const) {
    const arns = rulesOf(template).get('key-in-danger').EventPattern.detail.resources.ARN.map(readable);
    assert.equal(arns.length, count);
    for (const ARN of arns) {
      assert.match(ARN, OWN_KEY);
      for (const eventName of ['ScheduleKeyDeletion', 'DisableKey']) {
        // The request has the key as the caller wrote it.
        const detail = { ...call(eventName, { keyId: 'its id' }), resources: [{ ARN, type: 'AWS::KMS::Key' }] };
        assert.deepEqual(matched(template, 'kms', detail), ['key-in-danger']);
      }
      for (const eventName of ['PutKeyPolicy', 'RevokeGrant']) {
        assert.deepEqual(matched(template, 'kms', { ...call(eventName, {}), resources: [{ ARN }] }), ['key-access-changed']);
      }
      for (const eventName of ['EnableKey', 'RetireGrant', 'CreateGrant']) {
        assert.deepEqual(matched(template, 'kms', { ...call(eventName, {}), resources: [{ ARN }] }), []);
      }
    }
    const other = { ...call('DisableKey', {}), resources: [{ ARN: 'arn:aws:kms:eu-west-1:111122223333:key/another' }] };
    assert.deepEqual(matched(template, 'kms', other), []);
  }
});

test('a message tells that a pool that is backed up is deleted, replaced or unprotected', () => {
  const { watch, secondaryWatch } = defaultStacks();
  const onPool = (eventName: string, userPoolId: string | undefined, parameters: object = {}) =>
    matched(watch, 'cognito-idp', call(eventName, { userPoolId, ...parameters }));
  for (const pool of POOLS) {
    assert.deepEqual(onPool('DeleteUserPool', pool), ['pool-deleted']);
    assert.deepEqual(onPool('UpdateUserPool', pool, { deletionProtection: 'INACTIVE' }), ['pool-unprotected']);
    assert.deepEqual(onPool('UpdateUserPool', pool, { deletionProtection: 'ACTIVE' }), []);
    assert.deepEqual(onPool('AdminDeleteUser', pool), []);
  }
  assert.deepEqual(onPool('DeleteUserPool', 'eu-west-1_Another'), []);
  assert.ok(![...rulesOf(secondaryWatch).keys()].some((name) => name.startsWith('pool-')));
});

test('a deployment with only former pools guards no pool', () => {
  const { watch } = synthesise({ FormerUserPoolIds: 'us-east-1_Lost', PrimaryRegion: PRIMARY, SecondaryRegion: SECONDARY });
  assert.ok(![...rulesOf(watch).keys()].some((name) => name.startsWith('pool-')));
});

test('every rule sends a message to the topic of its Region, without the caller and the request', () => {
  const allowed = /^\$\.(time|detail\.(eventName|eventID|resources\[0\]\.ARN|requestParameters\.userPoolId))$/;
  for (const [template, region] of regions()) {
    for (const [name, { Targets }] of rulesOf(template)) {
      const [{ Arn, InputTransformer, RoleArn }, ...others] = Targets;
      assert.deepEqual([others, RoleArn], [[], undefined]);
      assert.equal(readable(Arn), `arn:aws:sns:${region}:<AWS::AccountId>:${TABLE}`);
      const paths = Object.values<string>(InputTransformer.InputPathsMap);
      paths.forEach((path) => assert.match(path, allowed));
      const message = JSON.parse(InputTransformer.InputTemplate);
      assert.ok(message.startsWith(`${TABLE} in ${region}: `) && message.includes(name), message);
      assert.doesNotMatch(message, /Token|undefined/);
    }
  }
});

test('a deployment in one Region guards the table there, and its warning names no other Region', () => {
  const { watch } = synthesise({ ...CONTEXT, SecondaryRegion: 'none' });
  assert.deepEqual(matched(watch, 'dynamodb', ofTable('DeleteTable')), ['table-deleted']);
  assert.match(watch.warnings.join(), /records management events in eu-west-1, no message tells/);
});

test('EventBridge may publish to the topics, without a condition that it could not meet', () => {
  const { runs, secondary } = defaultStacks();
  for (const template of [runs, secondary]) {
    const [[, { KeyPolicy }] = assert.fail()] = template
      .ofType('AWS::KMS::Key')
      .filter(([id]) => id.startsWith('NotificationsKey'))
      .map(([id, { Properties }]): [string, any] => [id, Properties]);
    const ofEvents = (statements: any[]) =>
      statements
        .filter(({ Effect, Principal }) => Effect === 'Allow' && Principal.Service === 'events.amazonaws.com')
        .map(({ Action, Condition }) => [Action, Condition]);
    assert.deepEqual(ofEvents(KeyPolicy.Statement), [[['kms:Decrypt', 'kms:GenerateDataKey'], undefined]]);
    assert.deepEqual(ofEvents(template.only('AWS::SNS::TopicPolicy').PolicyDocument.Statement), [['sns:Publish', undefined]]);
  }
});

test('one warning asks for a trail, until the operator says that there is one', () => {
  const warnings = (stacks: object) =>
    Object.values(stacks)
      .filter((value) => value instanceof Template)
      .flatMap((template) => template.warnings)
      .filter((warning) => warning.includes('no-trail'));
  const [warning = '', ...others] = warnings(defaultStacks());
  assert.match(warning, /^CloudTrail is not YES\. .* set CloudTrail=YES\. \[ack: cognito-backup:no-trail\]$/);
  assert.deepEqual(others, []);
  assert.deepEqual(warnings(synthesise({ ...CONTEXT, CloudTrail: 'YES' })), []);
});

test('docs/guides/operate.md says what to do for every rule', () => {
  const guide = readFileSync(join(WORKSPACE, 'docs', 'guides', 'operate.md'), 'utf8');
  const names = regions().flatMap(([template]) => [...rulesOf(template).keys()]);
  assert.deepEqual(
    names.filter((name) => !guide.includes(`| \`${name}\` |`)),
    [],
  );
});
