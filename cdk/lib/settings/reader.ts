/** Reads the values of settings as texts, lists and numbers, and collects the problems. */

import { SETTINGS, type SettingValue } from '../setting-descriptions';

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** The names of all settings, as they are written in the file. */
export const SETTING_NAMES = Object.keys(SETTINGS).sort() as SettingName[];

/** The values of settings, by name, before they are checked. */
export type SettingValues = Readonly<Record<string, unknown>>;

type Value<N extends SettingName> = (typeof SETTINGS)[N]['value'];
type ChoiceName = { [N in SettingName]: Value<N> extends { oneOf: unknown } ? N : never }[SettingName];
type NumberName = { [N in SettingName]: Value<N> extends { from: number } ? N : never }[SettingName];
type Choice<N extends SettingName> = Value<N> extends { oneOf: readonly (infer T extends string)[] } ? T : never;

/** A wrong setting. */
export interface SettingProblem {
  /** The name, also if it is not that of a setting. */
  readonly name: string;
  /** What is wrong, and what is allowed. */
  readonly text: string;
  /** The wrong member of a list, counted from 0. */
  readonly member?: number;
}

/** Wrong settings, with a message for each problem. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly SettingProblem[]) {
    super(problems.map(({ text }) => text).join('\n'));
    this.name = 'SettingsError';
  }
}

/** Reads settings one by one and collects the problems. */
export class SettingReader {
  readonly problems: SettingProblem[] = [];

  constructor(private readonly values: SettingValues) {}

  /** Adds a problem with the value of a setting, or of a member of its list. `advice` says what is allowed. */
  addProblem(name: SettingName, advice: string, member?: number): void {
    const value = member === undefined ? this.values[name] : (this.values[name] as unknown[])[member];
    const has = member === undefined ? 'is' : 'contains';
    const problem =
      value === undefined
        ? 'is missing.'
        : value === null
          ? 'has no value.'
          : `${has} ${JSON.stringify(value)}, which is not allowed.`;
    this.problems.push({ name, text: `${name} ${problem} ${advice}`, member });
  }

  /** The text of a setting, without white space around it. Undefined if it is missing or empty. */
  text(name: SettingName): string | undefined {
    const value = this.values[name] ?? '';
    // The JSON of a list or an object is a text that no setting accepts.
    const text = (typeof value === 'object' ? JSON.stringify(value) : String(value)).trim();
    return text === '' ? undefined : text;
  }

  /** The members of a list, each once. */
  list(name: SettingName): string[] {
    const value = this.values[name];
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

  /** The names and texts of a map. A value that is no map has none: the schema refuses it. */
  map(name: SettingName): [string, string][] {
    const value = this.values[name];
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).map(([key, text]) => [key, String(text)])
      : [];
  }

  /** One of the words that the setting can have. The first one is the default. */
  oneOf<N extends ChoiceName>(name: N): Choice<N> {
    const text = this.text(name);
    const { oneOf: words } = SETTINGS[name].value as Extract<SettingValue, { oneOf: unknown }>;
    const found = words.find((word) => word === text);
    if (text !== undefined && found === undefined) {
      this.addProblem(name, `Use one of ${words.join(', ')}.`);
    }
    return (found ?? words[0]) as Choice<N>;
  }

  /** A whole number between the bounds of the setting. Undefined if it is missing. */
  number(name: NumberName): number | undefined {
    const text = this.text(name);
    if (text === undefined) {
      return undefined;
    }
    const { from, to } = SETTINGS[name].value;
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (!(number >= from && number <= to)) {
      this.addProblem(name, `Use a whole number from ${from} to ${to}.`);
    }
    return number;
  }
}

/** Adds a problem for each unknown name, with a similar name if there is one. */
export function addUnknownNames(reader: SettingReader, values: SettingValues): void {
  const known: readonly string[] = SETTING_NAMES;
  for (const name of Object.keys(values).filter((candidate) => !known.includes(candidate))) {
    const similar = similarSetting(name);
    const advice = similar ? `Do you mean ${similar}?` : `The settings are ${known.join(', ')}.`;
    reader.problems.push({ name, text: `${name} is not a setting. ${advice}` });
  }
}

/** The setting whose name differs least. Undefined if more than a third of the letters differ. */
function similarSetting(name: string): SettingName | undefined {
  const letters = (text: string): string => text.toLowerCase().replaceAll(/[-_\s]/g, '');
  const [nearest] = SETTING_NAMES.map((setting) => ({ setting, distance: distance(letters(setting), letters(name)) })).sort(
    (one, other) => one.distance - other.distance,
  );
  return nearest !== undefined && nearest.distance <= nearest.setting.length / 3 ? nearest.setting : undefined;
}

/** How many letters to add, remove or replace, to make one text of the other (the Levenshtein distance). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (const [line, letter] of [...one].entries()) {
    const above = row;
    row = [line + 1];
    for (let column = 1; column <= other.length; column++) {
      const replaced = above[column - 1]! + (letter === other[column - 1] ? 0 : 1);
      row.push(Math.min(replaced, above[column]! + 1, row[column - 1]! + 1));
    }
  }
  return row[other.length]!;
}
