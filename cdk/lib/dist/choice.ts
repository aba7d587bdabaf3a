/**
 * One template from several: what differs between a full template and those with one option less, or with another word
 * of a parameter, depends on that option or parameter.
 *
 * No other rule decides what an option changes. So a change of a construct reaches the templates with parameters, too.
 */

import { isDeepStrictEqual } from 'node:util';

/** The absence of a member. */
export const ABSENT = Symbol('absent');

/** A value that depends on options. */
export class Choice {
  constructor(
    /** The options that all have to be on for `on`. */
    readonly options: readonly string[],
    readonly on: unknown,
    readonly off: unknown,
  ) {}
}

/** A value that depends on the word that a parameter has. */
export class Selection {
  constructor(
    readonly parameter: string,
    /** The value for the words that `values` does not have. */
    readonly otherwise: unknown,
    readonly values: ReadonlyMap<string, unknown>,
  ) {}
}

type Variants = ReadonlyMap<string, unknown>;
type Members = Readonly<Record<string, unknown>>;

/** The name of the variant in which a parameter has another word. An option's name has no equals sign. */
export function variantOf(parameter: string, word: string): string {
  return `${parameter}=${word}`;
}

/**
 * The value for all options and words.
 *
 * @param full the value with all options on
 * @param variants the value without each option, by the name of the option, and with each other word of a parameter, by
 * {@link variantOf}
 * @throws Error if two options change the same value in different ways, if a list without an option is longer, or if a
 * member depends on a word
 */
export function merge(full: unknown, variants: Variants, path = ''): unknown {
  const different = new Map([...variants].filter(([, value]) => !isDeepStrictEqual(value, full)));
  const absent = [...different].filter(([, value]) => value === ABSENT).map(([option]) => option);
  if (full !== ABSENT && absent.length > 0) {
    const word = absent.find((name) => name.includes('='));
    if (word !== undefined) {
      throw new Error(`${path}: it is absent with ${word}. Only an option can add or remove a member.`);
    }
    const changed = new Map([...different].filter(([, value]) => value !== ABSENT));
    return new Choice(absent, merge(full, changed, path), ABSENT);
  }
  if (different.size === 0) {
    return full;
  }
  const values = [...different.values()];
  if (Array.isArray(full) && values.every(Array.isArray)) {
    return mergeLists(full, different as ReadonlyMap<string, unknown[]>, path);
  }
  if (isMembers(full) && values.every(isMembers)) {
    return mergeMembers(full, different as ReadonlyMap<string, Members>, path);
  }
  const [parameter, ...others] = new Set([...different.keys()].map((name) => name.split('=')[0]!));
  if (others.length === 0 && [...different.keys()].every((name) => name.includes('='))) {
    return new Selection(
      parameter!,
      full,
      new Map([...different].map(([name, value]) => [name.slice(name.indexOf('=') + 1), value])),
    );
  }
  if (values.some((value) => !isDeepStrictEqual(value, values[0])) || [...different.keys()].some((name) => name.includes('='))) {
    throw new Error(`${path}: ${[...different.keys()].join(' and ')} change the same value in different ways.`);
  }
  return new Choice([...different.keys()], full, values[0]);
}

function mergeMembers(full: Members, variants: ReadonlyMap<string, Members>, path: string): Members {
  const names = new Set([full, ...variants.values()].flatMap(Object.keys));
  const of = (members: Members, name: string) => (name in members ? members[name] : ABSENT);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      merge(of(full, name), new Map([...variants].map(([option, value]) => [option, of(value, name)])), `${path}/${name}`),
    ]),
  );
}

function mergeLists(full: readonly unknown[], variants: ReadonlyMap<string, unknown[]>, path: string): unknown[] {
  const aligned = new Map([...variants].map(([option, list]) => [option, align(full, list, `${path} without ${option}`)]));
  return full.map((member, index) =>
    merge(member, new Map([...aligned].map(([option, list]) => [option, list[index]])), `${path}/${index}`),
  );
}

/** The members of `list` at the places that they have in `full`. */
function align(full: readonly unknown[], list: readonly unknown[], path: string): unknown[] {
  if (list.length === full.length) {
    return [...list];
  }
  let next = 0;
  const aligned = full.map((member) => (next < list.length && identity(list[next]) === identity(member) ? list[next++] : ABSENT));
  if (next < list.length) {
    throw new Error(`${path}: a member has no counterpart in the list with all options.`);
  }
  return aligned;
}

/** What tells a member of a list from the others. Its other content may change. */
function identity(member: unknown): string {
  if (isMembers(member)) {
    const { Sid: sid, Key: key, properties } = member;
    const title = isMembers(properties) ? properties.title : undefined;
    const name = sid ?? key ?? title;
    if (typeof name === 'string') {
      return name;
    }
  }
  return JSON.stringify(member);
}

/** Whether this is an object with members. */
export function isMembers(value: unknown): value is Members {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Choice) &&
    !(value instanceof Selection)
  );
}
