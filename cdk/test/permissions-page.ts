/** Renders `docs/reference/permissions.md`: what each command and each function calls. */

import { FURTHER_ACTIONS } from '../lib/cognito-access';
import { personPolicyName } from '../lib/names';
import { type CommandName, type FunctionName, OPERATIONS, type TableRights } from '../lib/operations';
import { grantsOnKinds } from '../lib/table-access';
import { COMBINED_COMMANDS, COMMANDS_WITHOUT_CALLS, STOP_EXECUTION, WORK, type Work } from '../lib/work';

const INTRODUCTION = `# Permissions

<!-- Generated: UPDATE_REFERENCE=1 npm test, in cdk/ -->

This page lists what each command and each function calls. Tests record the calls in
\`statemachines/operations.json\`, and the deployment makes its roles and policies from that file.
[Security](../security.md#people) says what people can read and change with each policy.

## Policies for people

A deployment has these managed policies in each Region, and attaches them to nobody. Attach them to
the roles of your people: [deploy](../guides/deploy.md#permissions-of-people). No policy repeats
another one, so a person can have several.

`;

const AFTER_POLICIES = `
- **Items.** The policies name kinds of partitions, and no pools. So they cover all snapshots of the
  table, also those that were copied into it.
- **Pools.** A viewer looks at the source pools and at all pools into which imports may restore. A
  configurator creates and finishes every pool of the Region, because nobody knows the id of a new
  pool. Only source pools can be rolled back, which is the only work that deletes clients, providers
  or domains.
- **Executions.** An operator starts, reads and stops the executions of this deployment. No command
  calls \`states:${STOP_EXECUTION}\`: [the guide does](../guides/operate.md#stop-a-run).
- **Secrets.** With \`CaptureSecrets\`, configurators and copiers can decrypt the stored secrets. The
  policies of the second Region have no keys for secrets, because the deployment has none there.
- **Not in any policy:** \`sts:AssumeRole\` on roles of other accounts, and what Cognito asks for with
  your permissions when a pool uses other services:
  [permissions of \`pool\`](configuration.md#permissions-of-pool).
- \`sts:GetCallerIdentity\` needs no permission.

## Commands

`;

const FUNCTIONS_TITLE = `
## Functions

Each function has a role of its own. \`exportRetention\` has the further calls of \`exportFinalize\`
with \`SnapshotRetention\`. \`exportCapture\` has those of \`exportPage\` with
\`CaptureConfiguration\`.

`;

/** A row of a table: what calls, on what, and the actions. */
type Row = readonly [string, string, string];

const code = (text: string) => `\`${text}\``;
const title = (work: Work) => `${work[0]?.toUpperCase()}${work.slice(1)}`;

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return line(columns) + `|${'---|'.repeat(columns.length)}\n` + rows.map(line).join('');
}

function row(name: string, on: string, service: string, actions: readonly string[]): Row[] {
  return actions.length === 0 ? [] : [[name, on, actions.map((action) => code(`${service}:${action}`)).join(', ')]];
}

function cognitoRows(name: string, operations: readonly string[]): Row[] {
  const further = operations.flatMap((operation) => FURTHER_ACTIONS[operation] ?? []);
  const actions = [...operations.map((operation) => `cognito-idp:${operation}`), ...further];
  return operations.length === 0 ? [] : [[name, 'user pools', actions.map(code).join(', ')]];
}

function itemRows(name: string, rights: TableRights): Row[] {
  return grantsOnKinds([rights]).flatMap(({ actions, partitions }) =>
    row(name, `items ${partitions.flatMap(({ kinds }) => kinds.map(code)).join(', ')}`, 'dynamodb', actions),
  );
}

function commandRows(command: CommandName): Row[] {
  const { dynamodb, kms, states, sts, table: ofTable, ...others } = OPERATIONS.commands[command];
  const name = code(command);
  const combined = COMBINED_COMMANDS[command];
  if (combined !== undefined) {
    return [[name, 'as the commands of these policies', combined.join(', ')]];
  }
  const rows = [
    ...cognitoRows(name, others['cognito-idp']),
    ...itemRows(name, dynamodb),
    ...row(name, 'the table', 'dynamodb', ofTable),
    ...row(name, 'the key of the table', 'kms', kms.table),
    ...row(name, 'the state machine of exports', 'states', states.export),
    ...row(name, 'the state machine of imports', 'states', states.import),
    ...row(name, 'the key of executions', 'kms', kms.runs),
    ...row(name, 'the keys for secrets', 'kms', kms.configuration),
    ...row(name, 'STS', 'sts', sts),
  ];
  return rows.length > 0 ? rows : [[name, '–', 'none: it calls no AWS']];
}

function functionRows(name: FunctionName): Row[] {
  const { dynamodb, kms, events, logs, sns, ssm, ...others } = OPERATIONS.functions[name];
  return [
    ...cognitoRows(code(name), others['cognito-idp']),
    ...itemRows(code(name), dynamodb),
    ...row(code(name), 'the key of the table', 'kms', kms.table),
    ...row(code(name), 'the keys for secrets', 'kms', kms.configuration),
    ...row(code(name), 'the topic', 'sns', sns),
    ...row(code(name), 'the key of the topic', 'kms', kms.topic),
    ...row(code(name), 'the default event bus', 'events', events),
    ...row(code(name), 'the parameter for heartbeats', 'ssm', ssm),
    ...row(code(name), 'logs of import jobs', 'logs', logs),
  ];
}

/** The page. */
export function permissionsPage(): string {
  const policies = (Object.keys(WORK) as Work[]).map((work) => {
    const { does, commands } = WORK[work];
    const name = code(personPolicyName('cognito-backup', work, 'REGION'));
    return [name, code(`${title(work)}PolicyArn`), does, commands.map(code).join(', ')];
  });
  const combined = Object.entries(COMBINED_COMMANDS).map(
    ([command, works]) => `\`${command}\` needs several policies: ${works.join(' and ')}.`,
  );
  const without = `${COMMANDS_WITHOUT_CALLS.map(code).join(' and ')} need none.`;
  const commands = (Object.keys(OPERATIONS.commands) as CommandName[]).flatMap(commandRows);
  const functions = (Object.keys(OPERATIONS.functions) as FunctionName[]).flatMap(functionRows);
  return [
    INTRODUCTION,
    table(['policy', 'output', 'a person with it', 'commands'], policies),
    `\n${combined.join(' ')} ${without}\n`,
    AFTER_POLICIES,
    table(['command', 'on', 'actions'], commands),
    FUNCTIONS_TITLE,
    table(['function', 'on', 'actions'], functions),
  ].join('');
}
