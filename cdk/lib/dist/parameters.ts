/**
 * The parameters of the templates of a release: what they say to the operator, and how they change the settings with which
 * the templates are synthesised.
 */

import { CONTEXT_NAMES } from '../context';
import { stackNames } from '../names';
import type { SettingName } from '../settings';
import { SETTINGS } from '../setting-descriptions';

/** What decides the templates of a deployment. */
export interface Inputs {
  readonly settings: Readonly<Partial<Record<SettingName, string | number | readonly string[]>>>;
  /** Context values of the CDK, by name. */
  readonly context: Readonly<Record<string, string>>;
}

/** How the values of a parameter reach the templates. */
export type Effect =
  /** A text stands for the value, and the parameter takes its place. `without`: the inputs if the value is `none`. */
  | { readonly kind: 'text'; readonly standIn: string; readonly without?: (inputs: Inputs) => Inputs; readonly none?: string }
  /** One of these words. The templates are synthesised with each of them. */
  | { readonly kind: 'word'; readonly words: readonly [string, ...string[]]; readonly with: (word: string) => Partial<Inputs> }
  /** YES or another word. The templates are synthesised with each. Resources may depend on it. */
  | { readonly kind: 'switch'; readonly on: string; readonly off: string; readonly with: (word: string) => Partial<Inputs> }
  /** A number that only passes through. The templates are synthesised with two samples, which prove it. */
  | { readonly kind: 'number'; readonly words: readonly [string, string]; readonly with: (word: string) => Partial<Inputs> };

/** A parameter of the templates. */
export interface Parameter {
  readonly name: string;
  readonly group: string;
  /** One sentence or more for the console of CloudFormation. */
  readonly description: string;
  /** Undefined: the operator has to give a value. */
  readonly default?: string;
  readonly allowedPattern?: string;
  /** What a wrong value has to become. */
  readonly constraint?: string;
  readonly allowedValues?: readonly string[];
  readonly effect: Effect;
}

/** The Regions of the stand-ins. AWS has none of these names, so that no other text contains them. */
export const STAND_IN_REGIONS = { primary: 'mx-north-8', secondary: 'il-south-7' } as const;

/** Stand-ins for where the archives of the functions are. */
export const STAND_IN_ARTIFACTS = { bucket: 'stand-in-bucket', prefix: 'stand-in-prefix/' } as const;

/** The most pools of a deployment with these templates. */
const MAX_POOLS = 5;

const GROUPS = {
  pools: 'What is backed up, and where',
  schedule: 'When, and how fast',
  retention: 'What stays, and for how long',
  messages: 'Messages',
  functions: 'The archives of the functions',
  deployment: 'This deployment',
} as const;

/** What the names of stacks add to the name of their deployment. A deployment must not have such a name. */
const STACK_ENDINGS = Object.values(stackNames('')).filter((ending) => ending !== '');

/** A Region, as `cdk/lib/partition.ts` describes it. */
const REGION = '[a-z]{2,4}(-[a-z]+)+-[0-9]';
const POOL = `${REGION}_[0-9A-Za-z]{1,40}`;

const ofSetting = (name: SettingName) => (word: string) => ({ settings: { [name]: /^\d+$/.test(word) ? Number(word) : word } });
const defaultOf = (name: SettingName) => SETTINGS[name].default.replaceAll('`', '');

function without(name: SettingName): (inputs: Inputs) => Inputs {
  return ({ settings: { [name]: _, ...settings }, context }) => ({ settings, context });
}

const poolName = (number: number) => `${STAND_IN_REGIONS.primary}_StandIn${number}`;
const poolNumbers = Array.from({ length: MAX_POOLS }, (_, index) => index + 1);

function poolParameter(number: number): Parameter {
  const isFirst = number === 1;
  return {
    name: `UserPool${number}`,
    group: GROUPS.pools,
    description: isFirst
      ? 'The id of the user pool to back up, such as eu-west-1_AbCdEf123. Deploy in its Region.'
      : 'The id of another user pool of the same Region, or nothing.',
    ...(!isFirst && { default: '' }),
    allowedPattern: isFirst ? `^${POOL}$` : `^(${POOL})?$`,
    constraint: 'It has to be the id of a user pool, such as eu-west-1_AbCdEf123.',
    effect: {
      kind: 'text',
      standIn: poolName(number),
      ...(!isFirst && {
        none: '',
        without: ({ settings, context }: Inputs) => ({
          settings: { ...settings, UserPoolIds: poolNumbers.map(poolName).filter((pool) => pool !== poolName(number)) },
          context,
        }),
      }),
    },
  };
}

/** The parameters, in the order in which the console shows them. Each template has those that it uses. */
export const PARAMETERS: readonly Parameter[] = [
  {
    name: 'Name',
    group: GROUPS.deployment,
    description:
      'The name of the table, and the beginning of every other name. The same for all stacks of the deployment. It cannot change later.',
    default: defaultOf('Name'),
    allowedPattern: `^(?!.*(${STACK_ENDINGS.join('|')})$)[a-z][a-z0-9-]{1,30}[a-z0-9]$`,
    constraint: `It has to have 3 to 32 lower-case letters, digits and hyphens, with a letter first and no hyphen at the end. It must not end with ${STACK_ENDINGS.join(', ')}.`,
    effect: { kind: 'text', standIn: 'stand-in-name' },
  },
  ...poolNumbers.map(poolParameter),
  {
    name: 'SecondaryRegion',
    group: GROUPS.pools,
    description:
      'The Region of the replica, such as eu-central-1. Or none, for a first try in one Region. The same for all stacks of the deployment.',
    allowedPattern: `^(none|${REGION})$`,
    constraint: 'It has to be a Region of the same partition of AWS, such as eu-central-1, or none.',
    effect: {
      kind: 'text',
      standIn: STAND_IN_REGIONS.secondary,
      none: 'none',
      without: ({ settings, context: { [CONTEXT_NAMES.replicaKey]: _, ...context } }) => ({
        settings: { ...settings, SecondaryRegion: 'none' },
        context,
      }),
    },
  },
  {
    name: 'ReplicaKeyArn',
    group: GROUPS.pools,
    description:
      'Nothing: the stack reads the ARN of the key of the replica from the stack of that key. Or this ARN, if it cannot.',
    default: '',
    allowedPattern: '^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+)?$',
    constraint: 'It has to be the output ReplicaKeyArn of the stack with the key of the replica.',
    effect: {
      kind: 'text',
      standIn: `arn:aws:kms:${STAND_IN_REGIONS.secondary}:000000000000:key/stand-in-key`,
      none: '',
      without: ({ settings, context: { [CONTEXT_NAMES.replicaKey]: _, ...context } }) => ({ settings, context }),
    },
  },
  {
    name: 'ExportFrequency',
    group: GROUPS.schedule,
    description: 'How often all pools are exported.',
    default: defaultOf('ExportFrequency'),
    effect: {
      kind: 'word',
      words: ['EVERY_DAY', 'EVERY_HOUR', 'EVERY_7_DAYS', 'EVERY_30_DAYS'],
      with: ofSetting('ExportFrequency'),
    },
  },
  {
    name: 'FirstExport',
    group: GROUPS.schedule,
    description:
      'When the next scheduled export starts, in UTC, such as 2030-01-31T12:00:00.000Z. Give a time some 30 minutes from now with each deployment.',
    allowedPattern: '^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z$',
    constraint: 'It has to be a time in UTC, such as 2030-01-31T12:00:00.000Z.',
    effect: { kind: 'text', standIn: '2099-07-09T07:53:41.000Z' },
  },
  {
    name: 'CognitoTPS',
    group: GROUPS.schedule,
    description: 'Cognito calls per second of a run whose input sets no limit.',
    default: defaultOf('CognitoTPS'),
    effect: {
      kind: 'word',
      // The number of exports at once follows from it. The first word is one that has the most frequent number.
      words: ['200', '1', '2', '5', '10', '15', '20', '30', '50', '100'],
      with: ofSetting('CognitoTPS'),
    },
  },
  {
    name: 'SnapshotRetention',
    group: GROUPS.retention,
    description:
      'The snapshots to keep, such as days=35,monthly=12. After each export, all others of its pool are REMOVED. Or none: every snapshot stays.',
    default: defaultOf('SnapshotRetention'),
    allowedPattern:
      '^(none|(last|days|daily|weekly|monthly)=[1-9][0-9]{0,3}(,(last|days|daily|weekly|monthly)=[1-9][0-9]{0,3}){0,4})$',
    constraint:
      'It has to name last, days, daily, weekly and monthly, each at most once and with a number from 1 to 9999, without spaces. Or it has to be none.',
    effect: {
      kind: 'text',
      standIn: 'days=7919,monthly=6841',
      none: 'none',
      without: ({ settings, context }) => ({ settings: { ...settings, SnapshotRetention: 'none' }, context }),
    },
  },
  {
    name: 'LogRetentionDays',
    group: GROUPS.retention,
    description: 'The days for which CloudWatch Logs keeps logs.',
    default: defaultOf('LogRetentionDays'),
    allowedValues: ['7', '14', '30', '60', '90', '180', '365', '731', '1827', '3653'],
    effect: { kind: 'number', words: ['731', '1827'], with: ofSetting('LogRetentionDays') },
  },
  {
    name: 'CaptureConfiguration',
    group: GROUPS.pools,
    description: 'YES: exports capture the configuration of the pools, too, and encrypt its secrets.',
    default: defaultOf('CaptureConfiguration'),
    effect: { kind: 'switch', on: 'YES', off: 'NO', with: ofSetting('CaptureConfiguration') },
  },
  {
    name: 'NotificationEmail',
    group: GROUPS.messages,
    description: 'The address that gets the messages about runs and alarms. AWS asks it to confirm, once for each Region.',
    default: '',
    allowedPattern: '^([^\\s@,"\\\\]+@[^\\s@,"\\\\]+\\.[^\\s@,"\\\\]+)?$',
    constraint: 'It has to be one e-mail address, or nothing.',
    effect: { kind: 'text', standIn: 'stand-in@example.invalid', none: '', without: without('NotificationEmail') },
  },
  {
    name: 'SnsPreference',
    group: GROUPS.messages,
    description: 'INFO_AND_ERRORS: messages about every run. ERRORS_ONLY: only about failed runs and partial restores.',
    default: defaultOf('SnsPreference'),
    effect: { kind: 'word', words: ['INFO_AND_ERRORS', 'ERRORS_ONLY'], with: ofSetting('SnsPreference') },
  },
  {
    name: 'Protected',
    group: GROUPS.deployment,
    description:
      'ON: DynamoDB refuses to delete the table. OFF for the first deployment, so that it can be repeated if it fails.',
    default: 'ON',
    effect: {
      kind: 'word',
      words: ['ON', 'OFF'],
      with: (word) => ({ context: { [CONTEXT_NAMES.protected]: word } }),
    },
  },
  {
    name: 'ArtifactBucket',
    group: GROUPS.functions,
    description: 'The S3 bucket, in the Region of this stack, with the archives of the functions.',
    allowedPattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
    constraint: 'It has to be the name of a bucket.',
    effect: { kind: 'text', standIn: STAND_IN_ARTIFACTS.bucket },
  },
  {
    name: 'ArtifactPrefix',
    group: GROUPS.functions,
    description: 'What stands before the names of the archives in the bucket, with a slash at its end. Or nothing.',
    default: '',
    allowedPattern: '^([0-9A-Za-z._/-]*/)?$',
    constraint: 'It has to end with a slash, or to be empty.',
    effect: { kind: 'text', standIn: STAND_IN_ARTIFACTS.prefix },
  },
];

/** The inputs with all options, with a stand-in for each text and the first word of each other parameter. */
export function fullInputs(architecture: string): Inputs {
  const texts = new Map(
    PARAMETERS.flatMap(({ name, effect }) => (effect.kind === 'text' ? [[name, effect.standIn] as const] : [])),
  );
  const text = (name: string) => texts.get(name) ?? '';
  const inputs: Inputs = {
    settings: {
      Name: text('Name'),
      UserPoolIds: poolNumbers.map(poolName),
      SecondaryRegion: text('SecondaryRegion'),
      SnapshotRetention: text('SnapshotRetention'),
      NotificationEmail: text('NotificationEmail'),
      Architecture: architecture,
    },
    context: { [CONTEXT_NAMES.replicaKey]: text('ReplicaKeyArn'), [CONTEXT_NAMES.firstExport]: text('FirstExport') },
  };
  return PARAMETERS.reduce((changed, { effect }) => withWord(changed, effect, wordsOf(effect)[0]), inputs);
}

/** The inputs with another word of a parameter. */
export function withWord(inputs: Inputs, effect: Effect, word: string | undefined): Inputs {
  if (effect.kind === 'text' || word === undefined) {
    return inputs;
  }
  const { settings, context } = effect.with(word);
  return { settings: { ...inputs.settings, ...settings }, context: { ...inputs.context, ...context } };
}

/** The words with which the templates are synthesised. The first one is that of the full templates. */
export function wordsOf(effect: Effect): readonly string[] {
  switch (effect.kind) {
    case 'text':
      return [];
    case 'switch':
      return [effect.on, effect.off];
    default:
      return effect.words;
  }
}
