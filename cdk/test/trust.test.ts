/**
 * Goal: a service assumes a role only for the resource of this deployment that needs it.
 *
 * Method: list the trust policy of every role, of a deployment with everything. Each names a source, or this file says why
 * it does not.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EVERYTHING, Template, readable, synthesise } from './synthesised';

const stacks = synthesise(EVERYTHING);

const ACCOUNT = '<AWS::AccountId>';

/** The conditions of a role of `region` for each service that the deployment lets assume roles. */
const EXPECTED: Record<string, (region: string, id: string) => object> = {
  // `IfExists`: the Lambda developer guide names both keys, and not in which calls Lambda sends them.
  'lambda.amazonaws.com': (region, id) => {
    const [, operation = '', step = ''] =
      /^(Export|Import|Removal|Copies)(Enumerate|Page|Finalize|Remove|Copy)Role/.exec(id) ?? assert.fail(id);
    const name = (['Removal', 'Copies'].includes(operation) ? step : `${operation}-${step}`).toLowerCase();
    const exact = `arn:aws:lambda:${region}:${ACCOUNT}:function:cognito-backup-${name}`;
    return {
      StringEqualsIfExists: { 'aws:SourceAccount': ACCOUNT },
      ArnLikeIfExists: { 'aws:SourceArn': [exact, `${exact}:*`] },
    };
  },
  'states.amazonaws.com': (region, id) => {
    const machines = {
      Export: 'export',
      Import: 'import',
      Removal: 'removal',
      Copies: 'copy',
      Job: 'job-logs',
      Scheduled: 'scheduled-exports',
    };
    const [, machine] = Object.entries(machines).find(([begin]) => id.startsWith(begin)) ?? assert.fail(id);
    return {
      StringEquals: { 'aws:SourceAccount': ACCOUNT },
      ArnLike: { 'aws:SourceArn': `arn:aws:states:${region}:${ACCOUNT}:stateMachine:cognito-backup-${machine}` },
    };
  },
  // Only the rule that starts removals has a role.
  'events.amazonaws.com': (region) => ({
    StringEquals: {
      'aws:SourceAccount': ACCOUNT,
      'aws:SourceArn': `arn:aws:events:${region}:${ACCOUNT}:rule/cognito-backup-removal-start`,
    },
  }),
  // The scheduler names the group.
  'scheduler.amazonaws.com': () => ({ StringEquals: { 'aws:SourceAccount': ACCOUNT, 'aws:SourceArn': '<GROUP>' } }),
  // AWS Backup documents both keys for its vaults, and not which ARN it names when it assumes a role.
  'backup.amazonaws.com': () => ({ StringEquals: { 'aws:SourceAccount': ACCOUNT } }),
  // AWS does not document whether Cognito sends the keys for this role.
  'cognito-idp.amazonaws.com': () => ({ StringEqualsIfExists: { 'aws:SourceAccount': ACCOUNT } }),
};

/** The conditions with references as text. */
function conditionOf(statement: any): object {
  const values = (value: any): any =>
    Array.isArray(value) ? value.map(values) : readable(value).replace(/^<.*Group\w*\.Arn>$/, '<GROUP>');
  return Object.fromEntries(
    Object.entries<any>(statement.Condition ?? {}).map(([operator, keys]) => [
      operator,
      Object.fromEntries(Object.entries(keys).map(([key, value]) => [key, values(value)])),
    ]),
  );
}

test('every role that a service assumes names its source', () => {
  const found = new Set<string>();
  for (const [name, template] of Object.entries(stacks).filter(([, value]) => value instanceof Template) as [
    string,
    Template,
  ][]) {
    const { region } = (stacks.deployment as any)[name];
    for (const [id, { Properties }] of template.ofType('AWS::IAM::Role')) {
      const [statement, ...others] = Properties.AssumeRolePolicyDocument.Statement;
      assert.deepEqual([others, statement.Action], [[], 'sts:AssumeRole'], id);
      if (id.startsWith('ReaderRole')) {
        assert.equal(readable(statement.Principal.AWS), 'arn:aws:iam::111122223333:root');
        continue;
      }
      const service = readable(statement.Principal.Service);
      found.add(service);
      const expected = EXPECTED[service] ?? assert.fail(`${id} trusts ${service}`);
      assert.deepEqual(conditionOf(statement), expected(region, id), id);
    }
  }
  assert.deepEqual([...found].sort(), Object.keys(EXPECTED).sort());
});

test('EventBridge invokes finalize by a permission of one rule', () => {
  for (const template of [stacks.runs, stacks.secondary]) {
    const permissions = template.all('AWS::Lambda::Permission');
    assert.ok(permissions.length > 0);
    for (const { Principal, SourceArn } of permissions) {
      assert.equal(Principal, 'events.amazonaws.com');
      assert.match(
        readable(SourceArn),
        /^arn:aws:events:[a-z0-9-]+:<AWS::AccountId>:rule\/cognito-backup-(export|import)-stopped$/,
      );
    }
  }
});
