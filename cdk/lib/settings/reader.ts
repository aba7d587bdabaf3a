/** Reads the values of settings as texts, lists and numbers, and collects the problems. */

import { EXAMPLE_SWITCH } from '../example';
import { SETTINGS } from '../setting-descriptions';

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** The names of all settings, as they are written in the context. */
export const SETTING_NAMES = Object.keys(SETTINGS).sort() as SettingName[];

/** Wrong settings, with a message for each problem. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SettingsError';
  }
}

/** Reads settings one by one and collects the problems. */
export class SettingReader {
  readonly problems: string[] = [];

  constructor(private readonly context: Readonly<Record<string, unknown>>) {}

  /** Adds a problem with the value of a setting. `advice` says what is allowed. */
  addProblem(name: SettingName, advice: string): void {
    const value = this.context[name];
    this.problems.push(
      value === undefined
        ? `${name} is missing. ${advice}`
        : `${name} is ${JSON.stringify(value)}, which is not allowed. ${advice}`,
    );
  }

  /** The text of a setting, without white space around it. Undefined if it is missing or empty. */
  text(name: SettingName): string | undefined {
    const value = this.context[name] ?? '';
    // The JSON of a list or an object is a text that no setting accepts.
    const text = (typeof value === 'object' ? JSON.stringify(value) : String(value)).trim();
    return text === '' ? undefined : text;
  }

  /** The members of a list, each once. */
  list(name: SettingName): string[] {
    const value = this.context[name];
    const members = Array.isArray(value) ? value : String(value ?? '').split(',');
    return [...new Set(members.map((member) => String(member).trim()).filter((member) => member !== ''))];
  }

  /** A list whose members match `pattern`. */
  listOf(name: SettingName, pattern: RegExp, advice: string): string[] {
    const members = this.list(name);
    if (!members.every((member) => pattern.test(member))) {
      this.addProblem(name, advice);
    }
    return members;
  }

  /** One of several words. The first one is the default. */
  oneOf<T extends string>(name: SettingName, words: readonly [T, ...T[]]): T {
    const text = this.text(name);
    const found = words.find((word) => word === text);
    if (text !== undefined && found === undefined) {
      this.addProblem(name, `Use one of ${words.join(', ')}.`);
    }
    return found ?? words[0];
  }

  /** A whole number from `minimum` to `maximum`. Undefined if it is missing. */
  number(name: SettingName, minimum: number, maximum: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) {
      return undefined;
    }
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(number >= minimum && number <= maximum)) {
      this.addProblem(name, `Use a whole number from ${minimum} to ${maximum}.`);
    }
    return number;
  }
}

/** Adds a problem for each unknown name. Names with a colon or an at sign belong to the CDK. */
export function addUnknownNames(reader: SettingReader, context: Readonly<Record<string, unknown>>): void {
  const known: readonly string[] = SETTING_NAMES;
  const unknown = Object.keys(context).filter((name) => !/[:@]/.test(name) && name !== EXAMPLE_SWITCH && !known.includes(name));
  for (const name of unknown) {
    const similar = known.find((setting) => setting.toLowerCase() === name.toLowerCase().replaceAll(/[-_]/g, ''));
    const advice = similar ? `Do you mean ${similar}?` : `The settings are ${known.join(', ')}.`;
    reader.problems.push(`${name} is not a setting. ${advice}`);
  }
}
