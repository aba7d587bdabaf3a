import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONTEXT, COPY, POOLS, Statement, Template, readable, synthesise, defaultStacks } from './synthesised';

const FUNCTION_ROLES = [
  'ExportEnumerateRole',
  'ExportPageRole',
  'ExportFinalizeRole',
  'ImportEnumerateRole',
  'ImportPageRole',
  'ImportFinalizeRole',
  'RemovalRemoveRole',
];
const WRITING = ['PutItem'];

const poolArn = (pool: string) => `arn:aws:cognito-idp:${pool.split('_')[0]}:<AWS::AccountId>:userpool/${pool}`;

/** The partitions on which a role may do an action. */
function partitions(template: Template, role: string, action: string): string[] {
  const statements = template
    .statements(role)
    .filter((statement) => statement.Effect === 'Allow' && statement.actions.includes(`dynamodb:${action}`));
  return [
    ...new Set(
      statements.flatMap((statement) => statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? []),
    ),
  ].sort();
}

const READ_QUOTAS = 'cognito-idp:GetProvisionedLimit';

const withAction = (statements: Statement[], action: string) =>
  statements.filter((statement) => statement.actions.includes(action));

/** The actions for which IAM has no pool: one reads quotas, and one a domain. */
const WITHOUT_POOL = [READ_QUOTAS, 'cognito-idp:DescribeUserPoolDomain'];

/** The statements of a role on pools. */
const poolStatements = (template: Template, role: string) =>
  template
    .statements(role)
    .filter(
      ({ actions, NotAction }) =>
        NotAction !== undefined || actions.some((action) => action.startsWith('cognito-idp:') && !WITHOUT_POOL.includes(action)),
    );

const LOOK = 'cognito-idp:DescribeUserPool';
const TAG = 'aws:ResourceTag/cognito-backup';
const WITH_TAG = { StringEquals: { [TAG]: ['target', 'repair'] } };

/** What a statement says about pools: its effect, its pools, its condition, and whether it is about the look at the tag. */
const short = ({ Effect, actions, NotAction, resources, Condition }: Statement) => {
  const about = NotAction ? `all but ${NotAction}` : actions.join() === LOOK ? LOOK : actions.includes(LOOK) ? 'all' : 'others';
  return [Effect, actions.includes('cognito-idp:*') ? 'all' : about, resources, Condition];
};

test('every function has its own role, without managed policies', () => {
  for (const template of [defaultStacks().runs, defaultStacks().secondary]) {
    const roles = template.all('AWS::Lambda::Function').map((properties) => readable(properties.Role));
    assert.equal(new Set(roles).size, roles.length);
    template.all('AWS::IAM::Role').forEach((role) => assert.equal(role.ManagedPolicyArns, undefined));
  }
});

test('export roles may only read, and only the exported pools', () => {
  for (const role of ['ExportEnumerateRole', 'ExportPageRole', 'ExportFinalizeRole']) {
    const statements = poolStatements(defaultStacks().runs, role);
    assert.equal(statements.length, role === 'ExportFinalizeRole' ? 0 : 1);
    statements.forEach((statement) => {
      assert.deepEqual(statement.resources, POOLS.map(poolArn));
      statement.actions.forEach((action) => assert.match(action, /^cognito-idp:(Describe|List|Get|AdminGet)\w+$/));
    });
  }
});

test('import roles may write only to pools whose tag opens them, and to source pools only with the tag for repairs', () => {
  const { runs, secondary } = defaultStacks();
  const repairOnly = { StringNotEquals: { [TAG]: 'repair' } };
  for (const role of ['ImportEnumerateRole', 'ImportPageRole']) {
    assert.deepEqual(poolStatements(runs, role).map(short), [
      ['Allow', LOOK, [poolArn('eu-west-1_*')], undefined],
      ['Allow', 'others', [poolArn('eu-west-1_*')], WITH_TAG],
      ['Deny', `all but ${LOOK}`, POOLS.map(poolArn), repairOnly],
    ]);
    // Imports of the secondary Region repair no pool.
    assert.deepEqual(poolStatements(secondary, role).map(short), [
      ['Allow', LOOK, [poolArn('eu-central-1_*')], undefined],
      ['Allow', 'others', [poolArn('eu-central-1_*')], WITH_TAG],
      ['Deny', 'all', POOLS.map(poolArn), undefined],
    ]);
  }
  for (const template of [runs, secondary]) {
    assert.deepEqual(template.allowed('ImportFinalizeRole', 'cognito-idp'), []);
    for (const step of ['enumerate', 'page']) {
      const { Variables } = template.lambda(`cognito-backup-import-${step}`).Environment;
      assert.equal(Variables.REQUIRE_POOL_TAG, 'YES');
    }
  }
});

test('lists of pools narrow what the tag opens', () => {
  const [repairable = '', ...others] = POOLS;
  assert.ok(others.length > 0);
  const { runs, secondary } = synthesise({
    ...CONTEXT,
    RepairablePools: repairable,
    ImportTargets: 'eu-west-1_New,eu-central-1_New',
  });
  const pools = [poolArn('eu-west-1_New'), poolArn(repairable)];
  for (const role of ['ImportEnumerateRole', 'ImportPageRole']) {
    assert.deepEqual(poolStatements(runs, role).map(short), [
      ['Allow', LOOK, pools, undefined],
      ['Allow', 'others', pools, WITH_TAG],
      ['Deny', 'all', others.map(poolArn), undefined],
      ['Deny', `all but ${LOOK}`, [poolArn(repairable)], { StringNotEquals: { [TAG]: 'repair' } }],
    ]);
  }
  for (const role of ['ImportEnumerateRole', 'ImportPageRole', 'ImportFinalizeRole']) {
    const restorePartitions = ['RESTORE#*', 'TARGET#eu-west-1_New', `TARGET#${repairable}`].sort();
    WRITING.forEach((action) => assert.deepEqual(partitions(runs, role, action), restorePartitions));
    assert.deepEqual(partitions(secondary, role, 'PutItem'), ['RESTORE#*', 'TARGET#eu-central-1_New']);
  }
  const denied = secondary
    .statements('ImportPageRole')
    .find(({ Effect, actions }) => Effect === 'Deny' && actions.includes('cognito-idp:*'));
  assert.deepEqual(denied?.resources, POOLS.map(poolArn));
});

test('without the tag, imports may write only to the pools of the lists', () => {
  const [repairable = '', ...others] = POOLS;
  const { runs, secondary } = synthesise({ ...CONTEXT, RequirePoolTag: 'NO', RepairablePools: repairable });
  for (const role of ['ImportEnumerateRole', 'ImportPageRole']) {
    assert.deepEqual(poolStatements(runs, role).map(short), [
      ['Allow', 'all', [poolArn(repairable)], undefined],
      ['Deny', 'all', others.map(poolArn), undefined],
    ]);
    // No list names a pool of this Region.
    assert.deepEqual(poolStatements(secondary, role).map(short), [['Deny', 'all', POOLS.map(poolArn), undefined]]);
  }
  assert.equal(runs.lambda('cognito-backup-import-enumerate').Environment.Variables.REQUIRE_POOL_TAG, 'NO');
  const targets = 'eu-west-1_New*,eu-central-1_New*';
  const listed = synthesise({ ...CONTEXT, RequirePoolTag: 'NO', ImportTargets: targets }).runs;
  assert.deepEqual(poolStatements(listed, 'ImportPageRole').map(short), [
    ['Allow', 'all', [poolArn('eu-west-1_New*')], undefined],
    ['Deny', 'all', POOLS.map(poolArn), undefined],
  ]);
});

test('no role may tag a pool, or write its tags', () => {
  const writesTags = ['TagResource', 'UntagResource', 'CreateUserPool', 'UpdateUserPool'].map((name) => `cognito-idp:${name}`);
  const covers = (pattern: string) => writesTags.some((action) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(action));
  const everything = { ...CONTEXT, CaptureConfiguration: 'YES', SnapshotRetention: 'days=35', TrustedPrincipals: '111122223333' };
  for (const template of Object.values(synthesise(everything)).filter((value) => value instanceof Template)) {
    for (const policy of template.all('AWS::IAM::Policy')) {
      for (const { Effect, Action } of policy.PolicyDocument.Statement) {
        assert.ok(Effect === 'Deny' || ![Action ?? '*'].flat().some(covers), JSON.stringify(Action));
      }
    }
  }
});

test('no setting lets imports write items of snapshots', () => {
  const settings = [{}, { RepairablePools: POOLS }, { ImportTargets: ['eu-west-1_*', 'eu-central-1_*'] }];
  for (const { runs, secondary } of settings.map((change) => synthesise({ ...CONTEXT, ...change }))) {
    for (const role of ['ImportEnumerateRole', 'ImportPageRole', 'ImportFinalizeRole']) {
      for (const template of [runs, secondary]) {
        const written = [...WRITING, 'UpdateItem', 'DeleteItem'].flatMap((action) => partitions(template, role, action));
        assert.ok(written.length > 0);
        written.forEach((key) => assert.match(key, /^(TARGET#eu-(west|central)-1_[\w*]+|RESTORE#\*)$/));
      }
    }
  }
});

test('exports neither read nor write items of restores, and a removal only reads them', () => {
  const all = ['GetItem', 'BatchGetItem', 'Query', 'UpdateItem', 'DeleteItem', ...WRITING];
  const ofTargets = (role: string) =>
    all.filter((action) => partitions(defaultStacks().runs, role, action).some((key) => key.startsWith('TARGET#')));
  for (const role of ['ExportEnumerateRole', 'ExportPageRole', 'ExportFinalizeRole']) {
    assert.deepEqual(ofTargets(role), []);
  }
  // An import that is at work holds its lease, and needs its snapshot.
  assert.deepEqual(ofTargets('RemovalRemoveRole'), ['GetItem']);
});

test('the targets of import roles are exactly those of the setting', () => {
  const { runs, secondary } = synthesise({
    ...CONTEXT,
    RequirePoolTag: 'NO',
    ImportTargets: ['eu-west-1_NewPool1', 'eu-west-1_Old*', 'eu-central-1_New'],
  });
  const targets = (template: Template) =>
    withAction(template.statements('ImportPageRole'), 'cognito-idp:AdminCreateUser')[0]?.resources;
  assert.deepEqual(targets(runs), [poolArn('eu-west-1_NewPool1'), poolArn('eu-west-1_Old*')]);
  assert.deepEqual(targets(secondary), [poolArn('eu-central-1_New')]);
  assert.deepEqual(partitions(secondary, 'ImportFinalizeRole', 'PutItem'), ['RESTORE#*', 'TARGET#eu-central-1_New']);
});

test('every function may do only the table actions of its step, on its own partitions', () => {
  const { runs, secondary } = defaultStacks();
  const of = (prefix: string, suffix = '') => POOLS.map((pool) => `${prefix}#${pool}${suffix}`);
  const sources = [...of('CONF'), ...of('POOL'), 'SNAP#*'];
  const snapshots = [...of('POOL'), 'SNAP#*'];
  const withUsers = [...of('CONF'), ...of('POOL'), 'SNAP#*', ...of('USER', '#*')];
  const all = ['BatchGetItem', 'GetItem', 'PutItem', 'Query'];

  // Query, because an export takes undecided marks of removals away.
  assert.deepEqual(runs.allowed('ExportEnumerateRole', 'dynamodb'), [...all, 'PartiQLInsert'].sort());
  assert.deepEqual(runs.allowed('ExportPageRole', 'dynamodb'), [...all, 'PartiQLInsert'].sort());
  assert.deepEqual(runs.allowed('ExportFinalizeRole', 'dynamodb'), all);
  // Records are never replaced.
  assert.deepEqual(partitions(runs, 'ExportEnumerateRole', 'PartiQLInsert'), of('CONF'));
  assert.deepEqual(partitions(runs, 'ExportPageRole', 'PartiQLInsert'), [...of('CONF'), ...of('USER', '#*')]);
  for (const role of ['ExportEnumerateRole', 'ExportPageRole', 'ExportFinalizeRole']) {
    assert.deepEqual(partitions(runs, role, 'PutItem'), snapshots);
  }
  const { runs: capturing } = synthesise({ ...CONTEXT, CaptureConfiguration: 'YES' });
  assert.deepEqual(partitions(capturing, 'ExportPageRole', 'PutItem'), sources);

  for (const [template, region] of [
    [runs, 'eu-west-1'],
    [secondary, 'eu-central-1'],
  ] as const) {
    const restorePartitions = ['RESTORE#*', `TARGET#${region}_*`];
    assert.deepEqual(template.allowed('ImportEnumerateRole', 'dynamodb'), all);
    // An import that is at work for long renews the items of its restore.
    assert.deepEqual(template.allowed('ImportPageRole', 'dynamodb'), [...all, 'UpdateItem']);
    assert.deepEqual(partitions(template, 'ImportPageRole', 'UpdateItem'), restorePartitions);
    assert.deepEqual(
      template.allowed('ImportFinalizeRole', 'dynamodb'),
      all.filter((action) => action !== 'BatchGetItem'),
    );
    assert.deepEqual(partitions(template, 'ImportEnumerateRole', 'Query'), [...sources, ...restorePartitions].sort());
    assert.deepEqual(partitions(template, 'ImportPageRole', 'Query'), [...withUsers, ...restorePartitions].sort());
    for (const role of ['ImportEnumerateRole', 'ImportPageRole', 'ImportFinalizeRole']) {
      WRITING.forEach((action) => assert.deepEqual(partitions(template, role, action), restorePartitions));
    }
  }
});

test('the removal may remove snapshots of exported pools only, and exists only with rules of retention', () => {
  const { runs } = defaultStacks();
  const of = (prefix: string, suffix = '') => POOLS.map((pool) => `${prefix}#${pool}${suffix}`);
  const role = 'RemovalRemoveRole';
  assert.deepEqual(runs.allowed(role, 'dynamodb'), [
    'BatchGetItem',
    'BatchWriteItem',
    'ConditionCheckItem',
    'DeleteItem',
    'GetItem',
    'PutItem',
    'Query',
  ]);
  assert.deepEqual(partitions(runs, role, 'BatchWriteItem'), [...of('POOL'), 'RESTORE#HOLDS#*', 'SNAP#*']);
  assert.deepEqual(partitions(runs, role, 'DeleteItem'), [...of('CONF'), ...of('POOL'), ...of('USER', '#*')]);
  assert.deepEqual(partitions(runs, role, 'PutItem'), of('POOL'));
  assert.deepEqual(runs.allowed(role, 'cognito-idp'), []);
  const { runs: keepingAll } = synthesise({ ...CONTEXT, SnapshotRetention: 'none' });
  assert.deepEqual(keepingAll.statements(role), []);
  assert.equal(keepingAll.lambda('cognito-backup-remove'), undefined);
  for (const other of FUNCTION_ROLES.filter((name) => name !== role)) {
    assert.deepEqual(keepingAll.statements(other), runs.statements(other), other);
  }
});

test('only an event about a sealed snapshot of this deployment and account starts a removal', () => {
  const { runs } = defaultStacks();
  const rule = runs.all('AWS::Events::Rule').find(({ Name }) => Name === 'cognito-backup-removal-start');
  assert.deepEqual(rule.EventPattern, {
    source: ['cognito-backup'],
    account: [{ Ref: 'AWS::AccountId' }],
    'detail-type': ['Snapshot Sealed'],
    detail: { table: ['cognito-backup'], userPoolId: POOLS },
  });
  const [start, useKey, ...others] = runs.statements('RemovalStartRole');
  assert.deepEqual([start?.actions, useKey?.Sid, others], [['states:StartExecution'], 'UseTheKeyOfExecutions', []]);
  assert.match(start?.resources.join() ?? '', /^<RemovalRunStateMachine\w+>$/);
  const trust = runs.all('AWS::IAM::Role').find(({ Description }) => Description === 'Starts cognito-backup-removal');
  const condition = trust.AssumeRolePolicyDocument.Statement[0].Condition.StringEquals;
  assert.match(readable(condition['aws:SourceArn']), /:rule\/cognito-backup-removal-start$/);
});

test('every statement on tables names partitions, and names the backup table only', () => {
  for (const [template, table] of [
    [defaultStacks().runs, /^arn:aws:dynamodb:eu-west-1:<AWS::AccountId>:table\/cognito-backup$/],
    [defaultStacks().secondary, /^arn:aws:dynamodb:eu-central-1:<AWS::AccountId>:table\/cognito-backup$/],
  ] as const) {
    for (const statement of FUNCTION_ROLES.flatMap((role) => template.statements(role))) {
      if (statement.Effect === 'Allow' && statement.actions.some((action) => action.startsWith('dynamodb:'))) {
        assert.match(statement.resources.join(), table);
        assert.deepEqual(statement.Condition?.Null, { 'dynamodb:LeadingKeys': 'false' });
        assert.ok([statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']].flat().length > 0);
      }
    }
  }
});

test('finalize may find and announce the runs of any pool, but not write to any pool', () => {
  for (const template of [defaultStacks().runs, defaultStacks().secondary]) {
    const roles = ['ExportFinalizeRole', 'ImportFinalizeRole'].filter((role) => template.statements(role).length > 0);
    for (const role of roles) {
      const anyPool = role.startsWith('Export') ? 'POOL#*' : 'TARGET#*';
      const statements = template.statements(role).filter(({ Sid }) => Sid === 'FindRunsOfAnyPool');
      assert.deepEqual(
        statements.map(({ actions, Condition }) => [actions, Condition?.['ForAllValues:StringLike']]),
        [[['dynamodb:GetItem', 'dynamodb:Query'], { 'dynamodb:LeadingKeys': [anyPool] }]],
      );
      WRITING.forEach((action) => assert.ok(!partitions(template, role, action).includes(anyPool)));
    }
  }
});

test('no role may delete items without rules of retention, scan the table, or change it', () => {
  const { runs, secondary } = synthesise({ ...CONTEXT, SnapshotRetention: 'none' });
  // Imports insert no records, and the secondary Region has only imports.
  const ofImports = ['BatchGetItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'];
  for (const [template, allowed] of [
    [runs, [...ofImports, 'PartiQLInsert'].sort()],
    [secondary, ofImports],
  ] as const) {
    const actions = template
      .all('AWS::IAM::Policy')
      .flatMap((policy) =>
        policy.PolicyDocument.Statement.filter((statement: any) => statement.Effect === 'Allow').flatMap(
          (statement: any) => statement.Action,
        ),
      );
    const onTables = actions.filter((action) => action.startsWith('dynamodb:')).map((action) => action.slice('dynamodb:'.length));
    assert.deepEqual([...new Set(onTables)].sort(), allowed);
  }
});

/** The roles with a statement that allows an action which deletes items. A wildcard counts, too. */
function deletingRoles(template: Template): string[] {
  const deletes = ['DeleteItem', 'BatchWriteItem', 'PartiQLDelete', 'DeleteTable'].map((action) => `dynamodb:${action}`);
  const covers = (pattern: string) => deletes.some((action) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(action));
  const roles = template
    .all('AWS::IAM::Policy')
    .filter((policy) =>
      policy.PolicyDocument.Statement.some(
        (statement: any) => statement.Effect === 'Allow' && [statement.Action ?? '*'].flat().some(covers),
      ),
    )
    .flatMap((policy) => policy.Roles.map((role: any) => String(role.Ref).replace(/[0-9A-F]{8}$/, '')));
  return [...new Set(roles)].sort();
}

test('no role but that of the removal can delete items', () => {
  const everything = { ...CONTEXT, CaptureConfiguration: 'YES', RepairablePools: POOLS, TrustedPrincipals: '111122223333' };
  for (const [context, roles] of [
    [{ SnapshotRetention: 'none' }, []],
    [{}, ['RemovalRemoveRole']],
    [{ SnapshotRetention: 'last=1' }, ['RemovalRemoveRole']],
    [COPY, ['RemovalRemoveRole']],
    [{ ...COPY, SnapshotRetention: 'none' }, []],
  ] as const) {
    const { runs, secondary } = synthesise({ ...everything, ...context });
    assert.deepEqual(deletingRoles(runs), roles);
    assert.deepEqual(deletingRoles(secondary), []);
  }
});

test('roles may use the key of the table only through DynamoDB', () => {
  const { runs, secondary } = defaultStacks();
  for (const [template, region, key] of [
    [runs, 'eu-west-1', /^<cognito-backup:ExportsOutput.*BackupTableKey.*Arn.*>$/],
    [secondary, 'eu-central-1', /^<cognito-backup-secondary-key:ExportsOutput.*TableKey.*Arn.*>$/],
  ] as const) {
    const [statement] = withAction(template.statements('ImportPageRole'), 'kms:Encrypt');
    assert.match(statement?.resources.join() ?? '', key);
    assert.deepEqual(statement?.Condition, { StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` } });
  }
});

test('import-page may pass the role of job logs, and the group roles that the settings name', () => {
  const passed = (template: Template) =>
    withAction(template.statements('ImportPageRole'), 'iam:PassRole').map(({ resources, Condition }) => [
      ...resources.map((arn) => arn.replace(/<ImportJobLogRole\w+\.Arn>/, '<log role>')),
      Condition?.StringEquals?.['iam:PassedToService'],
    ]);
  const logRole = ['<log role>', 'cognito-idp.amazonaws.com'];
  assert.deepEqual(passed(defaultStacks().runs), [logRole]);
  assert.deepEqual(passed(defaultStacks().secondary), [logRole]);
  const editors = 'arn:aws:iam::111122223333:role/editors';
  assert.deepEqual(passed(synthesise({ ...CONTEXT, GroupRoleArns: editors }).runs), [logRole, [editors, undefined]]);
  FUNCTION_ROLES.filter((role) => role !== 'ImportPageRole').forEach((role) =>
    assert.deepEqual(defaultStacks().runs.allowed(role, 'iam'), []),
  );
});

test('Cognito writes job logs with its own role, and import-page may read the job logs of its targets', () => {
  for (const [template, region] of [
    [defaultStacks().runs, 'eu-west-1'],
    [defaultStacks().secondary, 'eu-central-1'],
  ] as const) {
    const group = `arn:aws:logs:${region}:<AWS::AccountId>:log-group:/aws/cognito/userpools/`;
    const [, role] = template.ofType('AWS::IAM::Role').find(([id]) => id.startsWith('ImportJobLogRole')) ?? assert.fail();
    assert.deepEqual(role.Properties.AssumeRolePolicyDocument.Statement[0].Principal, { Service: 'cognito-idp.amazonaws.com' });
    const [write] = template.statements('ImportJobLogRole');
    assert.deepEqual(write?.resources, [`${group}*:*`]);
    assert.deepEqual(write?.actions.sort(), [
      'logs:CreateLogGroup',
      'logs:CreateLogStream',
      'logs:DescribeLogStreams',
      'logs:PutLogEvents',
    ]);
    const [read] = withAction(template.statements('ImportPageRole'), 'logs:GetLogEvents');
    assert.deepEqual(read?.resources, [`${group}${region}_*/*:log-stream:*`]);
  }
});

/** The conditions of the only statement that says who may assume a role. Its values are readable. */
function trustConditions(template: Template, role: string): Record<string, Record<string, string>> {
  const [, found] = template.ofType('AWS::IAM::Role').find(([id]) => id.startsWith(role)) ?? assert.fail(role);
  const [statement, ...more] = found.Properties.AssumeRolePolicyDocument.Statement;
  assert.deepEqual(more, []);
  const readableValues = (values: object) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, [value].flat().map(readable).join()]));
  const conditions = Object.entries<object>(statement.Condition ?? {});
  return Object.fromEntries(conditions.map(([operator, values]) => [operator, readableValues(values)]));
}

test('Cognito may assume the role of job logs only for this account, if it names an account', () => {
  const { runs, secondary } = defaultStacks();
  for (const template of [runs, secondary]) {
    assert.deepEqual(trustConditions(template, 'ImportJobLogRole'), {
      StringEqualsIfExists: { 'aws:SourceAccount': '<AWS::AccountId>' },
    });
  }
});

test('the scheduler may assume its roles only for the schedules of this deployment', () => {
  const { runs } = defaultStacks();
  const groupOf = (role: string) => {
    const name = role.startsWith('JobLogs') ? 'cognito-backup-job-logs' : 'cognito-backup';
    const found = runs.ofType('AWS::Scheduler::ScheduleGroup').find(([, { Properties }]) => Properties.Name === name);
    return found?.[0] ?? assert.fail(role);
  };
  for (const role of ['SnapshotAgesRole', 'SchedulesRole', 'JobLogsScheduleRole']) {
    const group = groupOf(role);
    assert.deepEqual(trustConditions(runs, role), {
      StringEquals: { 'aws:SourceAccount': '<AWS::AccountId>', 'aws:SourceArn': `<${group}.Arn>` },
    });
  }
});

test('only finalize and the removal may publish to the topic, and functions may write only their own logs', () => {
  for (const role of FUNCTION_ROLES) {
    const { runs } = defaultStacks();
    assert.deepEqual(runs.allowed(role, 'sns'), /(Finalize|Remove)Role$/.test(role) ? ['Publish'] : []);
    const [logs] = withAction(runs.statements(role), 'logs:PutLogEvents');
    assert.match(logs?.resources.join() ?? '', new RegExp(`^<${role.replace('Role', 'Logs')}\\w+\\.Arn>$`));
  }
});

test('statements on all resources have only actions that need them', () => {
  const withoutResources =
    /^(cognito-idp:(GetProvisionedLimit|DescribeUserPoolDomain)|xray:\w+|logs:(\w*LogDeliver(y|ies)\w*|\w+ResourcePolic\w+|DescribeLogGroups))$/;
  const capturing = synthesise({ ...CONTEXT, CaptureConfiguration: 'YES' });
  for (const template of [defaultStacks().runs, defaultStacks().secondary, capturing.runs]) {
    for (const policy of template.all('AWS::IAM::Policy')) {
      const onAllResources = policy.PolicyDocument.Statement.filter((statement: any) =>
        [statement.Resource].flat().includes('*'),
      );
      onAllResources
        .flatMap((statement: any) => statement.Action)
        .forEach((action: string) => assert.match(action, withoutResources));
    }
  }
});

test('only enumerate may read quotas', () => {
  const { runs, secondary } = defaultStacks();
  for (const [template, roles] of [
    [runs, ['ExportEnumerateRole', 'ImportEnumerateRole']],
    [secondary, ['ImportEnumerateRole']],
  ] as const) {
    const policies = template.all('AWS::IAM::Policy').filter((policy) => JSON.stringify(policy).includes(READ_QUOTAS));
    assert.equal(policies.length, roles.length);
    for (const role of roles) {
      const [quotas] = withAction(template.statements(role), READ_QUOTAS);
      assert.deepEqual([quotas?.Effect, quotas?.actions, quotas?.resources], ['Allow', [READ_QUOTAS], ['*']]);
    }
  }
});

test('a state machine may invoke its own three functions, in every version', () => {
  const { runs } = defaultStacks();
  for (const operation of ['Export', 'Import']) {
    const [invoke] = withAction(runs.statements(`${operation}RunStateMachineRole`), 'lambda:InvokeFunction');
    assert.deepEqual(
      invoke?.resources.map((arn) => arn.replace(/Function\w+\.Arn>:\*$/, '')).sort(),
      ['Enumerate', 'Finalize', 'Page'].map((step) => `<${operation}${step}`),
    );
  }
});

test('the state machine of the scheduled exports may only start, watch and stop exports', () => {
  const { runs } = defaultStacks();
  const own = runs.statements('ScheduledExportsStateMachineRole').filter(({ Sid }) => Sid !== undefined);
  const [[machine] = assert.fail()] = runs
    .ofType('AWS::StepFunctions::StateMachine')
    .filter(([, { Properties }]) => Properties.StateMachineName === 'cognito-backup-export');
  const arn = (service: string) => `arn:aws:${service}:eu-west-1:<AWS::AccountId>`;
  assert.deepEqual(
    own.map(({ actions, resources }) => [actions, resources]),
    [
      [['states:StartExecution'], [`<${machine}>`]],
      [['states:DescribeExecution', 'states:StopExecution'], [`${arn('states')}:execution:cognito-backup-export:*`]],
      [
        ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        [`${arn('events')}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`],
      ],
      [['kms:Decrypt', 'kms:GenerateDataKey'], ['<RunsKeyFD237E64.Arn>']],
    ],
  );
});

test('the scheduler may only start exports and send messages to its queue', () => {
  const { runs } = defaultStacks();
  assert.deepEqual(
    runs
      .statements('SchedulesRole')
      .flatMap((statement) => statement.actions)
      .sort(),
    ['kms:Decrypt', 'kms:GenerateDataKey', 'sqs:SendMessage', 'states:StartExecution'],
  );
});

test('trusted principals may read snapshots in both Regions, and without them the role does not exist', () => {
  const trusted = ['arn:aws:iam::111122223333:root', 'arn:aws:iam::444455556666:role/restore'];
  const { runs, secondary } = synthesise({
    ...CONTEXT,
    TrustedPrincipals: '111122223333,arn:aws:iam::444455556666:role/restore',
  });
  for (const [template, region] of [
    [runs, 'eu-west-1'],
    [secondary, 'eu-central-1'],
  ] as const) {
    const [, role] = template.ofType('AWS::IAM::Role').find(([id]) => id.startsWith('ReaderRole')) ?? assert.fail();
    assert.equal(role.Properties.RoleName, `cognito-backup-reader-${region}`);
    assert.deepEqual(
      role.Properties.AssumeRolePolicyDocument.Statement.map((statement: any) => statement.Principal.AWS),
      trusted,
    );
    assert.deepEqual(template.allowed('ReaderRole', 'dynamodb'), ['BatchGetItem', 'DescribeTable', 'GetItem', 'Query']);
    const [describe, ...others] = withAction(template.statements('ReaderRole'), 'dynamodb:DescribeTable');
    assert.deepEqual([describe?.actions, describe?.Condition, others], [['dynamodb:DescribeTable'], undefined, []]);
    assert.deepEqual(template.allowed('ReaderRole', 'kms'), ['Decrypt', 'DescribeKey']);
    assert.ok(!partitions(template, 'ReaderRole', 'Query').some((partition) => partition.startsWith('RESTORE')));
  }
  assert.equal(
    defaultStacks()
      .runs.ofType('AWS::IAM::Role')
      .some(([id]) => id.startsWith('ReaderRole')),
    false,
  );
});

test('the reader role has the external id and the organization of the settings as conditions on every principal', () => {
  const conditions = (context: Record<string, string>) => {
    const { runs, secondary } = synthesise({ ...CONTEXT, TrustedPrincipals: '111122223333,444455556666', ...context });
    return [runs, secondary].map((template) => {
      const [, role] = template.ofType('AWS::IAM::Role').find(([id]) => id.startsWith('ReaderRole')) ?? assert.fail();
      return role.Properties.AssumeRolePolicyDocument.Statement.map((statement: any) => statement.Condition);
    });
  };
  const both = { TrustedExternalId: 'migration', TrustedOrganization: 'o-a1b2c3d4e5' };
  for (const [context, required] of [
    [{}, undefined],
    [{ TrustedExternalId: both.TrustedExternalId }, { 'sts:ExternalId': 'migration' }],
    [both, { 'sts:ExternalId': 'migration', 'aws:PrincipalOrgID': 'o-a1b2c3d4e5' }],
  ] as const) {
    const condition = required && { StringEquals: required };
    const ofRegion = [condition, condition];
    assert.deepEqual(conditions(context), [ofRegion, ofRegion]);
  }
});

test('the policies of a role with the maximum number of pools fit into the limit of IAM', () => {
  const UserPoolIds = Array.from({ length: 20 }, (_, n) => `ap-northeast-1_AbCdEf1${String(n).padStart(2, '0')}`);
  const { runs } = synthesise({
    UserPoolIds,
    SecondaryRegion: 'ap-southeast-2',
    RepairablePools: UserPoolIds,
    CaptureConfiguration: 'YES',
    SnapshotRetention: 'last=3',
  });
  const sizes = new Map<string, number>();
  for (const policy of runs.all('AWS::IAM::Policy')) {
    const role = String(policy.Roles[0].Ref);
    // CloudFormation replaces references with longer texts, so each counts as the longest ARN.
    const text = JSON.stringify(policy.PolicyDocument).replaceAll(
      /\{"Fn::(GetAtt":\[[^\]]*\]|ImportValue":"[^"]*")\}/g,
      `"${'x'.repeat(110)}"`,
    );
    sizes.set(role, (sizes.get(role) ?? 0) + text.replaceAll(/\{"Ref":"AWS::AccountId"\}/g, '111122223333').length);
  }
  sizes.forEach((size, role) => assert.ok(size <= 10_240, `${role}: ${size} characters`));
});
