/**
 * Checks the schemas of the project's events with a validator, and the examples of the docs against them. A Rust test
 * checks that real events match the same schemas.
 */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import Ajv from 'ajv';

import { WORKSPACE } from '../lib/function-code';
import { EVENT_SOURCE } from '../lib/publishing';
import { CONTEXT, Statement, Template, defaultStacks, synthesise } from './synthesised';

const DOCS = join(WORKSPACE, 'docs', 'reference');

const SCHEMAS: any[] = readdirSync(join(DOCS, 'events'))
  .sort()
  .map((name) => JSON.parse(readFileSync(join(DOCS, 'events', name), 'utf8')));

const validatorOf = (schema: any) => new Ajv({ allErrors: true, strict: true }).compile(schema);

/** The events that docs/reference/events.md shows. */
const EXAMPLES: any[] = [...readFileSync(join(DOCS, 'events.md'), 'utf8').matchAll(/^```json\n([\s\S]+?)^```/gm)]
  .map(([, text = '']): any => JSON.parse(text))
  .filter((example) => example.detail?.schemaVersion !== undefined);

test('docs/reference/events.md shows each event as its schema describes it', () => {
  assert.deepEqual(EXAMPLES.map((example) => example['detail-type']).sort(), SCHEMAS.map(({ title }) => title).sort());
  for (const schema of SCHEMAS) {
    const validate = validatorOf(schema);
    const example = EXAMPLES.find((one) => one['detail-type'] === schema.title);
    assert.ok(validate(example), JSON.stringify(validate.errors));
    assert.equal((example as any).source, EVENT_SOURCE);
  }
});

test('the schema of an event refuses a missing member, an unknown one, and one with another form', () => {
  for (const schema of SCHEMAS) {
    const validate = validatorOf(schema);
    const example = EXAMPLES.find((one) => one['detail-type'] === schema.title);
    const accepts = (change: object) => validate({ ...example, detail: { ...example.detail, ...change } });
    assert.ok(accepts({}));
    assert.ok(!accepts({ email: 'anna@example.com' }), schema.title);
    for (const name of schema.properties.detail.required) {
      assert.ok(!accepts({ [name]: undefined }) && !accepts({ [name]: {} }), `${schema.title} ${name}`);
    }
    assert.ok(!accepts({ snapshotId: 'anna' }) && !accepts({ startedAt: 'today' }), schema.title);
  }
});

/** Whether an event matches a pattern that has lists of texts only. */
function isMatched(pattern: any, event: any): boolean {
  return Object.entries<any>(pattern).every(([name, wanted]) =>
    Array.isArray(wanted) ? wanted.includes(event?.[name]) : isMatched(wanted, event?.[name]),
  );
}

test('the rule that starts removals matches the event about a sealed snapshot, and the removal reads only what it has', () => {
  const pool = 'eu-west-1_AbCdEf123';
  const { runs } = synthesise({ ...CONTEXT, UserPoolIds: pool });
  const { EventPattern } = runs.all('AWS::Events::Rule').find(({ Name }) => Name === 'cognito-backup-removal-start');
  const account = '111122223333';
  const pattern = { ...EventPattern, account: EventPattern.account.map(({ Ref }: any) => Ref === 'AWS::AccountId' && account) };
  const matches = (event: any) => isMatched(pattern, { account, ...event });
  for (const example of EXAMPLES) {
    assert.equal(matches(example), example['detail-type'] === 'Snapshot Sealed', example['detail-type']);
  }
  const schema = SCHEMAS.find(({ title }) => title === 'Snapshot Sealed');
  const { required } = schema.properties.detail;
  Object.keys(pattern.detail).forEach((name) => assert.ok(required.includes(name), name));
  const sealed = EXAMPLES.find((example) => example['detail-type'] === 'Snapshot Sealed');
  assert.ok(!matches({ ...sealed, account: '444455556666' }));
  assert.ok(!matches({ ...sealed, detail: { ...sealed.detail, table: 'other-name' } }));
  assert.ok(!matches({ ...sealed, detail: { ...sealed.detail, userPoolId: 'eu-west-1_Other' } }));

  const machine = runs
    .all('AWS::StepFunctions::StateMachine')
    .find(({ StateMachineName }) => StateMachineName === 'cognito-backup-removal');
  const paths = [...machine.DefinitionString.matchAll(/"\$\.detail\.(\w+)"/g)].map(([, name]) => name);
  assert.deepEqual(paths.sort(), ['snapshotId', 'userPoolId']);
  paths.forEach((name) => assert.ok(required.includes(name), name));
});

const withAction = (template: Template, role: string, action: string): Statement[] =>
  template.statements(role).filter(({ actions }) => actions.includes(action));

test('only finalize may put events, only of the project, and only on the default bus', () => {
  const { runs, secondary } = defaultStacks();
  for (const [template, region, roles] of [
    [runs, 'eu-west-1', ['ExportFinalizeRole', 'ImportFinalizeRole']],
    [secondary, 'eu-central-1', ['ImportFinalizeRole']],
  ] as const) {
    for (const role of roles) {
      assert.deepEqual(
        withAction(template, role, 'events:PutEvents').map(({ resources, Condition }) => [resources, Condition]),
        [
          [
            [`arn:aws:events:${region}:<AWS::AccountId>:event-bus/default`],
            { StringEquals: { 'events:source': 'cognito-backup' } },
          ],
        ],
      );
    }
    const all = template.all('AWS::IAM::Policy').filter((policy) => JSON.stringify(policy).includes('events:PutEvents'));
    assert.equal(all.length, roles.length);
  }
});

test('finalize of the export may read the parameter for heartbeats, and use its key for that parameter only', () => {
  for (const [name, resource] of [
    ['/cognito-backup/heartbeat', 'cognito-backup/heartbeat'],
    ['heartbeat', 'heartbeat'],
  ] as const) {
    const { runs, secondary } = synthesise({ ...CONTEXT, HeartbeatParameter: name });
    const arn = `arn:aws:ssm:eu-west-1:<AWS::AccountId>:parameter/${resource}`;
    const [read, ...others] = withAction(runs, 'ExportFinalizeRole', 'ssm:GetParameter');
    assert.deepEqual([read?.actions, read?.resources, others], [['ssm:GetParameter'], [arn], []]);
    const decrypt = runs.statements('ExportFinalizeRole').find(({ Sid }) => Sid === 'DecryptTheAddressForHeartbeats');
    const context = decrypt?.Condition?.StringEquals?.['kms:EncryptionContext:PARAMETER_ARN'] as any;
    assert.deepEqual(decrypt?.actions, ['kms:Decrypt']);
    assert.match(JSON.stringify(context), new RegExp(`parameter/${resource}"`));
    assert.equal(decrypt?.Condition?.StringEquals?.['kms:ViaService'], 'ssm.eu-west-1.amazonaws.com');
    const environment = (template: Template, lambda: string) => template.lambda(lambda).Environment.Variables.HEARTBEAT_PARAMETER;
    assert.equal(environment(runs, 'cognito-backup-export-finalize'), name);
    for (const other of ['export-page', 'import-finalize']) {
      assert.equal(environment(runs, `cognito-backup-${other}`), undefined);
    }
    const reading = (template: Template) =>
      template.all('AWS::IAM::Policy').filter((policy) => JSON.stringify(policy).includes('ssm:'));
    assert.deepEqual([reading(runs).length, reading(secondary).length], [1, 0]);
  }
  assert.equal(withAction(defaultStacks().runs, 'ExportFinalizeRole', 'ssm:GetParameter').length, 0);
});
