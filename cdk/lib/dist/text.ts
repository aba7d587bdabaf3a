/**
 * Texts of a template that are made of parts, and texts that hold JSON. A merge needs to look into both.
 *
 * The CDK writes a text with references as `Fn::Join`, and the members of JSON disappear in its parts.
 */

import { isMembers } from './choice';

/** The name of the only member of an object that stands for a text: the list of its parts. */
export const TEXT = '\u0000text';

/** The name of the only member of an object that stands for a text with JSON: the value. */
export const JSON_TEXT = '\u0000json';

/** What stands for a reference while a text is parsed: characters for private use, around a number. */
const HOLDER = /\uE000(\d+)\uE001/;

/** A value of a template, with its texts opened. */
export function openTexts(value: unknown): unknown {
  if (typeof value === 'string') {
    return openJson([value]);
  }
  if (Array.isArray(value)) {
    return value.map(openTexts);
  }
  if (!isMembers(value)) {
    return value;
  }
  const join = value['Fn::Join'];
  if (Array.isArray(join) && Array.isArray(join[1])) {
    return openJson(joinedParts(join[0], join[1]));
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, openTexts(member)]));
}

/** The parts of an opened text. Undefined if the value is no text with parts. */
export function partsOf(value: unknown): readonly unknown[] | undefined {
  return isMembers(value) && TEXT in value ? (value[TEXT] as unknown[]) : undefined;
}

function joinedParts(separator: string, members: readonly unknown[]): unknown[] {
  return members.flatMap((member, index) => {
    const opened =
      isMembers(member) && 'Fn::Join' in member ? joinedParts(...(member['Fn::Join'] as [string, unknown[]])) : [member];
    return index === 0 || separator === '' ? opened : [separator, ...opened];
  });
}

/** A text with these parts. If it holds JSON that has exactly one form, its members are opened. */
function openJson(parts: readonly unknown[]): unknown {
  const references = parts.filter((part) => typeof part !== 'string');
  let number = 0;
  const text = parts.map((part) => (typeof part === 'string' ? part : `\uE000${number++}\uE001`)).join('');
  if (/^[[{]/.test(text)) {
    try {
      const json: unknown = JSON.parse(text);
      if (JSON.stringify(json) === text) {
        return { [JSON_TEXT]: restore(json, references) };
      }
    } catch {
      // Not every text that begins with a bracket is JSON.
    }
  }
  return asText(parts);
}

/** Puts the references back in the strings of a JSON value. */
function restore(value: unknown, references: readonly unknown[]): unknown {
  if (typeof value === 'string') {
    // `split` with a group gives texts and numbers in turn.
    return asText(value.split(HOLDER).map((part, index) => (index % 2 === 0 ? part : references[Number(part)])));
  }
  if (Array.isArray(value)) {
    return value.map((member) => restore(member, references));
  }
  return isMembers(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, restore(member, references)]))
    : value;
}

function asText(parts: readonly unknown[]): unknown {
  const joined: unknown[] = [];
  for (const part of parts.filter((candidate) => candidate !== '')) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string') {
      joined[joined.length - 1] = last + part;
    } else {
      joined.push(part);
    }
  }
  if (joined.every((part) => typeof part === 'string')) {
    return joined.join('');
  }
  return { [TEXT]: joined };
}
