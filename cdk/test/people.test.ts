/**
 * Goal: the managed policies for people allow what their commands call, on this deployment only, and nothing else.
 *
 * Method: compare each policy with `statemachines/operations.json`. A scenario in Rust records the commands there, and
 * evaluates the policies on the local AWS.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FURTHER_ACTIONS } from '../lib/cognito-access';
import { OPERATIONS, type CommandName } from '../lib/operations';
import { COMBINED_COMMANDS, COMMANDS_WITHOUT_CALLS, Calls, WORK, type Work } from '../lib/work';
import { CONTEXT, EVERYTHING, POOLS, PRIMARY, SECONDARY, type Statement, Template, readable, synthesise } from './synthesised';

const WORKS = Object.keys(WORK) as Work[];
const STACKS = { runs: PRIMARY, secondary: SECONDARY } as const;
const everything = synthesise(EVERYTHING);

/** The statements of a managed policy. */
function statementsOf(template: Template, work: Work): Statement[] {
  const policy = template.all('AWS::IAM::ManagedPolicy').find((one) => readable(one.ManagedPolicyName).includes(`-${work}-`));
  return policy.PolicyDocument.Statement.map((statement: any) => ({
    ...statement,
    actions: [statement.Action].flat(),
    resources: [statement.Resource].flat().map(readable),
  }));
}

/** The actions of a service, without its prefix. */
function actionsOf(statements: Statement[], service: string): string[] {
  const prefix = `${service}:`;
  const actions = statements.flatMap((statement) => statement.actions).filter((action) => action.startsWith(prefix));
  return [...new Set(actions.map((action) => action.slice(prefix.length)))].sort();
}

const keysOf = ({ Condition }: Statement) => [Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? []].flat();
const sorted = (names: Iterable<string>) => [...new Set(names)].sort();
const withPrefix = (service: string, actions: readonly string[]) =>
  actions.filter((action) => action.startsWith(`${service}:`)).map((action) => action.slice(service.length + 1));

test('each command is in one policy, needs several, or calls no AWS', () => {
  const single = WORKS.flatMap((work) => WORK[work].commands);
  const combined = Object.keys(COMBINED_COMMANDS) as CommandName[];
  assert.deepEqual([...single, ...combined, ...COMMANDS_WITHOUT_CALLS].sort(), Object.keys(OPERATIONS.commands).sort());
  for (const command of COMMANDS_WITHOUT_CALLS) {
    const { states, kms, ...others } = OPERATIONS.commands[command];
    const lists = [...Object.values(others), ...Object.values(states), ...Object.values(kms)];
    lists.forEach((list) => assert.equal(Object.keys(list).length, 0, command));
  }
});

test('a command that needs several policies calls nothing that they do not allow', () => {
  for (const [command, works] of Object.entries(COMBINED_COMMANDS) as [CommandName, Work[]][]) {
    const [own, all] = [new Calls([command]), new Calls(works.flatMap((work) => WORK[work].commands))];
    const missing = (some: string[], others: string[]) => some.filter((one) => !others.includes(one));
    assert.deepEqual(missing(own.cognito(), all.cognito()), []);
    assert.deepEqual(missing([...own.on('export'), ...own.on('import')], [...all.on('export'), ...all.on('import')]), []);
    for (const kind of ['table', 'runs', 'configuration'] as const) {
      assert.deepEqual(missing(own.keys(kind), all.keys(kind)), []);
    }
    assert.deepEqual(missing(cellsOf(own), cellsOf(all)), []);
  }
});

/** The actions on items, each with a kind of partition. */
function cellsOf(calls: Calls): string[] {
  return calls.table.flatMap((rights) =>
    Object.entries(rights).flatMap(([kind, actions]) => actions.map((action) => `${action} ${kind}`)),
  );
}

for (const [stack, region] of Object.entries(STACKS) as [keyof typeof STACKS, string][]) {
  test(`each policy in the stack ${stack} allows the calls of its commands, and no others`, () => {
    const template = everything[stack];
    for (const work of WORKS) {
      const statements = statementsOf(template, work);
      const calls = new Calls(WORK[work].commands);
      const further = calls.cognito().flatMap((operation) => FURTHER_ACTIONS[operation] ?? []);
      // A roll back works on a source pool, and the second Region has none here.
      const { commands } = WORK[work];
      const here = stack === 'runs' ? calls : new Calls(commands.filter((command) => command !== 'pool apply'));
      const inAccount = calls.cognito().filter((operation) => operation === 'DescribeUserPoolDomain');
      assert.deepEqual(
        actionsOf(statements, 'cognito-idp'),
        sorted([...here.cognito(), ...inAccount, ...withPrefix('cognito-idp', further)]),
        work,
      );
      assert.deepEqual(actionsOf(statements, 'wafv2'), sorted(withPrefix('wafv2', further)), work);
      const stops = work === 'operator' ? ['StopExecution'] : [];
      assert.deepEqual(actionsOf(statements, 'states'), sorted([...calls.on('export'), ...calls.on('import'), ...stops]), work);
      // The keys for secrets are in the primary Region.
      const secrets = stack === 'runs' ? calls.keys('configuration') : [];
      assert.deepEqual(actionsOf(statements, 'kms'), sorted([...calls.keys('table'), ...calls.keys('runs'), ...secrets]), work);
      const services = sorted(statements.flatMap(({ actions }) => actions.map((action) => action.split(':')[0] ?? '')));
      const known = ['cognito-idp', 'dynamodb', 'kms', 'states', 'wafv2'];
      assert.ok(
        services.every((service) => known.includes(service)),
        work,
      );
      const ofItems = statements.filter((statement) => keysOf(statement).length > 0);
      const allowed = ofItems.flatMap((statement) =>
        statement.actions.flatMap((action) => keysOf(statement).map((key) => `${action.slice('dynamodb:'.length)} ${key}`)),
      );
      const expected = cellsOf(calls).map((cell) => `${cell}#*`);
      // The pattern RESTORE#* matches the partitions RESTORE#HOLDS#*, too.
      const covered = expected.map((cell) => {
        const wider = cell.replace('RESTORE#HOLDS#', 'RESTORE#');
        return expected.includes(wider) ? wider : cell;
      });
      assert.deepEqual(sorted(allowed), sorted(covered), work);
      for (const statement of statements.filter(({ actions }) => actions.some((action) => action.startsWith('dynamodb:')))) {
        assert.deepEqual(statement.resources, [`arn:aws:dynamodb:${region}:<AWS::AccountId>:table/cognito-backup`], work);
        const isOfTable = statement.actions.join() === 'dynamodb:DescribeTable';
        assert.equal(statement.Condition?.Null?.['dynamodb:LeadingKeys'], isOfTable ? undefined : 'false', work);
      }
    }
  });

  test(`the policies in the stack ${stack} have names and outputs of their own`, () => {
    const template = everything[stack];
    const policies = template.ofType('AWS::IAM::ManagedPolicy');
    assert.deepEqual(
      policies.map(([, { Properties }]) => readable(Properties.ManagedPolicyName)).sort(),
      WORKS.map((work) => `cognito-backup-${work}-${region}`).sort(),
    );
    for (const work of WORKS) {
      const output = `${work[0]?.toUpperCase()}${work.slice(1)}PolicyArn`;
      assert.match(readable(template.json.Outputs[output].Value), /^<People\w+>$/);
    }
    // The deployment attaches them to nobody.
    policies.forEach(
      ([
        ,
        {
          Properties: { Roles, Users, Groups },
        },
      ]) => assert.deepEqual([Roles, Users, Groups], [undefined, undefined, undefined]),
    );
  });
}

test('only pruners delete items, and nobody deletes a pool, a user or the table', () => {
  for (const stack of ['runs', 'secondary'] as const) {
    for (const work of WORKS) {
      const actions = statementsOf(everything[stack], work).flatMap((statement) => statement.actions);
      const deletes = actions.some((action) => /^dynamodb:(DeleteItem|BatchWriteItem)$/.test(action));
      assert.equal(deletes, work === 'pruner', work);
      const never =
        /\*|Scan|DeleteTable|UpdateTable|ListStateMachines|DeleteUserPool$|AdminDelete|AdminCreate|AdminSet|AdminUpdate/;
      assert.deepEqual(
        actions.filter((action) => never.test(action)),
        [],
        work,
      );
    }
  }
});

test('people start, read and stop the executions of this deployment only, and use its key for nothing else', () => {
  const { runs } = everything;
  const arns = (resource: string, end: string) =>
    ['export', 'import'].map(
      (machine) => `arn:aws:states:${PRIMARY}:<AWS::AccountId>:${resource}:cognito-backup-${machine}${end}`,
    );
  for (const work of WORKS) {
    for (const { actions, resources, Sid, Condition } of statementsOf(runs, work)) {
      if (actions.some((action) => action.startsWith('states:'))) {
        assert.deepEqual(resources, Sid === 'UseExecutions' ? arns('execution', ':*') : arns('stateMachine', ''), work);
      }
      if (Sid === 'UseTheKeyOfExecutions') {
        assert.match(resources.join(), /^<RunsKey\w+\.Arn>$/);
        const machines = [Condition?.StringEquals?.['kms:EncryptionContext:aws:states:stateMachineArn']].flat().map(readable);
        assert.deepEqual(machines, arns('stateMachine', ''));
      }
    }
  }
  // To read an execution takes no new data key.
  assert.deepEqual(statementsOf(runs, 'viewer').find(({ Sid }) => Sid === 'UseTheKeyOfExecutions')?.actions, ['kms:Decrypt']);
});

test('configurators create pools in the Region, and roll back source pools only', () => {
  const arn = (pool: string, region = PRIMARY) => `arn:aws:cognito-idp:${region}:<AWS::AccountId>:userpool/${pool}`;
  const resources = (stack: 'runs' | 'secondary', sid: string) =>
    statementsOf(everything[stack], 'configurator').find(({ Sid }) => Sid === sid)?.resources;
  assert.deepEqual(resources('runs', 'CreatePools'), [arn(`${PRIMARY}_*`)]);
  assert.deepEqual(
    resources('runs', 'RollPoolsBack'),
    POOLS.map((pool) => arn(pool)),
  );
  assert.deepEqual(resources('secondary', 'CreatePools'), [arn(`${SECONDARY}_*`, SECONDARY)]);
  assert.equal(resources('secondary', 'RollPoolsBack'), undefined);
  for (const { actions, Sid } of statementsOf(everything.runs, 'configurator')) {
    assert.ok(Sid === 'RollPoolsBack' || !actions.some((action) => action.startsWith('cognito-idp:Delete')), Sid);
  }
});

test('viewers look at the source pools and at those into which imports may restore', () => {
  const { runs } = synthesise({ ...CONTEXT, ImportTargets: `${PRIMARY}_New*,${SECONDARY}_New1` });
  const pools = statementsOf(runs, 'viewer').find(({ Sid }) => Sid === 'LookAtPools')?.resources;
  assert.deepEqual(
    pools?.map((arn) => arn.split('/')[1]),
    [`${PRIMARY}_New*`, ...POOLS],
  );
});

test('only configurators and copiers decrypt secrets, and a deployment without secrets gives no key for them', () => {
  const decrypts = (work: Work) =>
    statementsOf(everything.runs, work).some(({ Sid, actions }) => Sid === 'UseSecrets' && actions.includes('kms:Decrypt'));
  assert.deepEqual(WORKS.filter(decrypts), ['copier', 'configurator']);
  const { runs } = synthesise(CONTEXT);
  for (const work of WORKS) {
    assert.ok(!statementsOf(runs, work).some(({ Sid }) => Sid === 'UseSecrets' || Sid === 'TellChangesOfSecrets'), work);
  }
});

test('each policy is within the size that IAM accepts, also with the most pools, many targets and the longest names', () => {
  const region = 'ap-southeast-2';
  const pools = Array.from({ length: 20 }, (_, number) => `${region}_AbCdEfG${String(number).padStart(2, '0')}`);
  // Copies are of other pools, and would leave no room for these.
  const others = Object.fromEntries(Object.entries(EVERYTHING).filter(([name]) => !/^(Copy|FormerUserPoolIds)/.test(name)));
  for (const targets of [0, 40]) {
    const stacks = synthesise({
      ...others,
      Name: 'n'.repeat(32),
      UserPoolIds: pools,
      PrimaryRegion: region,
      SecondaryRegion: 'ap-northeast-3',
      ...(targets > 0 && {
        ImportTargets: [...Array.from({ length: targets }, (_, number) => `${region}_Target${number}`), 'ap-northeast-3_*'],
      }),
    });
    for (const stack of ['runs', 'secondary'] as const) {
      const policies = stacks[stack].all('AWS::IAM::ManagedPolicy').filter(({ Description }) => /^For people/.test(Description));
      assert.equal(policies.length, WORKS.length);
      for (const policy of policies) {
        // A key has 36 characters after its ARN.
        const text = JSON.stringify(policy.PolicyDocument, (_, value) =>
          typeof value === 'object' && !Array.isArray(value) && Object.keys(value).some((key) => /^(Ref|Fn::.*)$/.test(key))
            ? readable(value)
            : value,
        )
          .replaceAll('<AWS::AccountId>', '1'.repeat(12))
          .replaceAll('<AWS::Partition>', 'aws')
          .replaceAll(/<[^<>]*Arn[^<>]*>/g, `arn:aws:kms:${region}:${'1'.repeat(12)}:key/${'k'.repeat(40)}`)
          .replaceAll(/<[^<>]*>/g, `arn:aws:kms:${region}:${'1'.repeat(12)}:key/${'k'.repeat(40)}`);
        // Source: "IAM and AWS STS quotas", IAM user guide. White space does not count.
        assert.ok(text.length <= 6144, `${policy.Description} has ${text.length} characters`);
      }
    }
  }
});

test('operators write selections, and nothing else, to the table', () => {
  for (const stack of ['runs', 'secondary'] as const) {
    const writes = statementsOf(everything[stack], 'operator').filter(({ actions }) =>
      actions.some((action) => /^dynamodb:(Put|Update|Delete|PartiQL|BatchWrite)/.test(action)),
    );
    assert.deepEqual(
      writes.map((statement) => [statement.actions, keysOf(statement)]),
      [[['dynamodb:PutItem'], ['SELECTION#*']]],
    );
  }
});

test('the reader role allows what a copy calls at its source', () => {
  const { dynamodb, table, kms } = OPERATIONS.commands['copy (source)'];
  for (const stack of ['runs', 'secondary'] as const) {
    const ofItems = sorted(Object.values(dynamodb).flat());
    assert.deepEqual(everything[stack].allowed('ReaderRole', 'dynamodb'), sorted([...ofItems, ...table]));
    assert.deepEqual(everything[stack].allowed('ReaderRole', 'kms'), sorted(kms.table));
    const kinds = everything[stack]
      .statements('ReaderRole')
      .flatMap(keysOf)
      .map((key) => key.split('#')[0]);
    assert.deepEqual(sorted(kinds.map(String)), sorted(Object.keys(dynamodb)));
  }
});
