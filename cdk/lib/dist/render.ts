/** Writes a merged value as CloudFormation reads it: with `Fn::If`, and with parameters instead of stand-ins. */

import { isDeepStrictEqual } from 'node:util';

import { ABSENT, Choice, Selection, isMembers } from './choice';
import { JSON_TEXT, partsOf } from './text';

/** The absence of a member or property. */
export const NO_VALUE = { Ref: 'AWS::NoValue' };

/** What a value of a template may name. */
export interface Names {
  /** The name of the condition that all these options are on. */
  readonly allOn: (options: readonly string[]) => string;
  /** The name of the condition that a parameter has a word. */
  readonly has: (parameter: string, word: string) => string;
  /** The name of the condition that the names of services end differently than in the standard partition. */
  readonly hasOwnSuffix: () => string;
  /** The words that a parameter has in the synthesised templates. The first one is that of the full template. */
  readonly words: (parameter: string) => readonly string[];
  /** Whether the words above are all that the parameter can have. */
  readonly isClosed: (parameter: string) => boolean;
  /** The parts of a text, with a reference for each stand-in. */
  readonly withoutStandIns: (text: string) => readonly unknown[];
}

/** Renders the values of one template. */
export class Renderer {
  constructor(private readonly names: Names) {}

  /** @throws Error if CloudFormation has no expression for the value */
  render(value: unknown): unknown {
    if (value === ABSENT) {
      return NO_VALUE;
    }
    if (value instanceof Choice) {
      return { 'Fn::If': [this.names.allOn(value.options), this.render(value.on), this.render(value.off)] };
    }
    if (value instanceof Selection) {
      return this.select(value, (side) => this.render(side));
    }
    if (Array.isArray(value)) {
      return this.withoutEqualSuffixes(value.map((member) => this.render(member)));
    }
    if (typeof value === 'string' || partsOf(value) !== undefined) {
      return asValue(this.textParts(value));
    }
    if (!isMembers(value)) {
      return value;
    }
    if (JSON_TEXT in value) {
      return asValue(this.jsonParts(value[JSON_TEXT]));
    }
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.render(member)]));
  }

  /** The value for the word of a parameter: a reference if each value is the word itself. */
  private select({ parameter, otherwise, values }: Selection, render: (value: unknown) => unknown): unknown {
    const [base, ...others] = this.names.words(parameter);
    const isWord = (value: unknown, word: string | undefined) =>
      (typeof value === 'string' || typeof value === 'number') && String(value) === word;
    if (isWord(otherwise, base) && others.every((word) => isWord(values.get(word), word))) {
      return { Ref: parameter };
    }
    if (!this.names.isClosed(parameter)) {
      throw new Error(`A value depends on ${parameter} in a way that is known for ${others.length + 1} of its values only.`);
    }
    return [...values].reduceRight<unknown>(
      (rest, [word, value]) => ({ 'Fn::If': [this.names.has(parameter, word), render(value), rest] }),
      render(otherwise),
    );
  }

  private textParts(value: unknown): unknown[] {
    if (typeof value === 'string') {
      return [...this.names.withoutStandIns(value)];
    }
    const parts = partsOf(value);
    return parts === undefined ? [this.render(value)] : parts.flatMap((part) => this.textParts(part));
  }

  /** The parts of a JSON text. References in its strings are not escaped: no value of a parameter needs it. */
  private jsonParts(value: unknown): unknown[] {
    if (value instanceof Choice) {
      const [on, off] = [value.on, value.off].map((side) => asValue(this.jsonParts(side)));
      return [{ 'Fn::If': [this.names.allOn(value.options), on, off] }];
    }
    if (value instanceof Selection) {
      const sample = value.otherwise;
      const selected = this.select(value, (side) => asValue(this.jsonParts(side)));
      const isReference = isMembers(selected) && 'Ref' in selected;
      return isReference && typeof sample === 'string' ? ['"', selected, '"'] : [selected];
    }
    if (typeof value === 'string' || partsOf(value) !== undefined) {
      const parts = this.textParts(value).map((part) => (typeof part === 'string' ? JSON.stringify(part).slice(1, -1) : part));
      return ['"', ...parts, '"'];
    }
    if (Array.isArray(value)) {
      return ['[', ...this.listParts(value.map((member) => ['', member] as const)), ']'];
    }
    if (isMembers(value)) {
      const members = Object.entries(value).map(([name, member]) => [`${JSON.stringify(name)}:`, member] as const);
      return ['{', ...this.listParts(members), '}'];
    }
    return [JSON.stringify(value)];
  }

  /** The parts of a list of members, each with a text before it. A member that may be absent brings its comma. */
  private listParts(members: readonly (readonly [string, unknown])[]): unknown[] {
    let hasMember = false;
    return members.flatMap(([before, member]) => {
      if (!(member instanceof Choice && (member.on === ABSENT || member.off === ABSENT))) {
        const comma = hasMember ? ',' : '';
        hasMember = true;
        return [comma + before, ...this.jsonParts(member)];
      }
      if (!hasMember) {
        throw new Error('The first member of a JSON text may be absent. Then the comma of the next one would depend on it.');
      }
      const [on, off] = [member.on, member.off].map((side) =>
        side === ABSENT ? '' : asValue([`,${before}`, ...this.jsonParts(side)]),
      );
      return [{ 'Fn::If': [this.names.allOn(member.options), on, off] }];
    });
  }

  /** A list in which names of services stand with both suffixes. In most partitions the two are equal. */
  private withoutEqualSuffixes(members: readonly unknown[]): unknown[] {
    return members.map((member) => {
      const text = isMembers(member) ? member['Fn::Sub'] : undefined;
      const standard = typeof text === 'string' ? text.replaceAll('${AWS::URLSuffix}', 'amazonaws.com') : text;
      const isTwin = standard !== text && members.some((other) => isDeepStrictEqual(other, asSub(String(standard))));
      return isTwin ? { 'Fn::If': [this.names.hasOwnSuffix(), member, NO_VALUE] } : member;
    });
  }
}

/** A text with these parts. */
function asValue(parts: readonly unknown[]): unknown {
  const joined: unknown[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string') {
      joined[joined.length - 1] = last + part;
    } else if (part !== '') {
      joined.push(part);
    }
  }
  if (joined.length <= 1) {
    return joined[0] ?? '';
  }
  const names = joined.map((part) => (typeof part === 'string' ? part : referenceIn(part)));
  // In a join, a dollar sign needs no escape.
  const isPlain = joined.every((part) => typeof part !== 'string' || !part.includes('${'));
  return isPlain && names.every((name) => name !== undefined) ? asSub(names.join('')) : { 'Fn::Join': ['', joined] };
}

function asSub(text: string): unknown {
  return text.includes('${') ? { 'Fn::Sub': text } : text;
}

/** How `Fn::Sub` names a reference. Undefined if it cannot. */
function referenceIn(part: unknown): string | undefined {
  const { Ref: ref, 'Fn::GetAtt': attribute } = part as Record<string, unknown>;
  if (typeof ref === 'string') {
    return `\${${ref}}`;
  }
  const isPlain = Array.isArray(attribute) && attribute.every((name) => typeof name === 'string');
  return isPlain ? `\${${attribute.join('.')}}` : undefined;
}
