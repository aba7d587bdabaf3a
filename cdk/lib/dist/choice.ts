/**
 * One template from several: what differs between a full template and those with one option less depends on the option.
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

type Variants = ReadonlyMap<string, unknown>;
type Members = Readonly<Record<string, unknown>>;

/**
 * The value for all options.
 *
 * @param full the value with all options on
 * @param variants the value without each option, by the name of the option
 * @throws Error if two options change the same value in different ways, or if a list without an option is longer
 */
export function merge(full: unknown, variants: Variants, path = ''): unknown {
  const different = new Map([...variants].filter(([, value]) => !isDeepStrictEqual(value, full)));
  const absent = [...different].filter(([, value]) => value === ABSENT).map(([option]) => option);
  if (full !== ABSENT && absent.length > 0) {
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
  if (values.some((value) => !isDeepStrictEqual(value, values[0]))) {
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

/** What tells a member of a list from the others, whatever else changes in it. */
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
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Choice);
}

/**
 * A merged value as CloudFormation reads it: with `Fn::If`, and `AWS::NoValue` for what is absent.
 *
 * @param condition the name of the condition that all these options are on
 */
export function renderChoices(value: unknown, condition: (options: readonly string[]) => string): unknown {
  if (value === ABSENT) {
    return { Ref: 'AWS::NoValue' };
  }
  if (value instanceof Choice) {
    const sides = [value.on, value.off].map((side) => renderChoices(side, condition));
    return { 'Fn::If': [condition(value.options), ...sides] };
  }
  if (Array.isArray(value)) {
    return value.map((member) => renderChoices(member, condition));
  }
  return isMembers(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, renderChoices(member, condition)]))
    : value;
}
