/**
 * Goal: one template stands for all combinations of its options.
 *
 * Method: merge a full value with those that lack one option, render it, and evaluate it for each combination.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { merge, variantOf } from '../lib/dist/choice';
import { Renderer } from '../lib/dist/render';
import { openTexts } from '../lib/dist/text';

const NO_VALUE = { Ref: 'AWS::NoValue' };

/** Evaluates `Fn::If` and `AWS::NoValue` for the options that are on. */
function evaluate(value: any, on: readonly string[]): any {
  if (Array.isArray(value)) {
    return value.map((member) => evaluate(member, on)).filter((member) => member !== undefined);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (value.Ref === NO_VALUE.Ref) {
    return undefined;
  }
  if (value['Fn::If'] !== undefined) {
    const [condition, yes, no] = value['Fn::If'];
    return evaluate(condition.split('And').every((option: string) => on.includes(option)) ? yes : no, on);
  }
  const members = Object.entries(value).map(([name, member]) => [name, evaluate(member, on)] as const);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

const WORDS: Record<string, readonly string[]> = { Speed: ['3', '1', '2'], Days: ['30', '60'] };

const renderer = new Renderer({
  allOn: (options) => options.join('And'),
  has: (parameter, word) => `${parameter}${word}`,
  hasOwnSuffix: () => 'HasOwnSuffix',
  words: (parameter) => WORDS[parameter] ?? [],
  isClosed: (parameter) => parameter === 'Speed',
  withoutStandIns: (text) => text.split(/(standin)/).map((part) => (part === 'standin' ? { Ref: 'Name' } : part)),
});
const render = (value: unknown) => renderer.render(value);

/** A role that depends on a second pool, on a capture, and on an alarm for the second pool's capture. */
function role(on: readonly string[]) {
  const [pool2, capture, arm] = ['Pool2', 'Capture', 'Arm'].map((option) => on.includes(option));
  const pools = ['pool1', ...(pool2 ? ['pool2'] : [])];
  return {
    Statement: [
      { Sid: 'Read', Action: ['Get', ...(capture ? ['Describe'] : [])], Resource: pools },
      ...(capture ? [{ Sid: 'ReadDomains', Resource: pools }] : []),
      { Sid: 'Write', Resource: pools },
    ],
    Variables: { CAPTURE: capture ? 'YES' : 'NO', ...(capture ? { KEY: 'arn' } : {}) },
    Alarms: { pool1: {}, ...(pool2 && capture ? { changed2: { of: 'pool2' } } : {}) },
    Architecture: arm ? 'arm64' : 'x86_64',
  };
}

test('the merged template of every combination of options is the one that has these options', () => {
  const options = ['Pool2', 'Capture', 'Arm'];
  const without = options.map((option) => [option, role(options.filter((other) => other !== option))] as const);
  const merged = render(merge(role(options), new Map(without)));
  for (let bits = 0; bits < 8; bits++) {
    const on = options.filter((_, index) => bits & (1 << index));
    assert.deepEqual(evaluate(merged, on), role(on), `with ${on.join()}`);
  }
});

test('a value that no option changes stays as it is', () => {
  const value = { Name: 'x', List: [1, { a: null }] };
  assert.deepEqual(render(merge(value, new Map([['A', structuredClone(value)]]))), value);
});

test('a member that only a template without an option has is present without the option', () => {
  assert.deepEqual(render(merge({}, new Map([['A', { Default: 1 }]]))), { Default: { 'Fn::If': ['A', NO_VALUE, 1] } });
});

test('two options that change a value in different ways are refused with its path', () => {
  const variants = new Map([
    ['A', { Size: 2 }],
    ['B', { Size: 3 }],
  ]);
  assert.throws(() => merge({ Size: 1 }, variants), /^Error: \/Size: A and B change the same value/);
});

test('a list that is longer without an option is refused', () => {
  assert.throws(() => merge(['a'], new Map([['A', ['a', 'b']]])), /without A: a member has no counterpart/);
});

test('a member that only one word of a parameter adds is refused', () => {
  const slow = new Map([[variantOf('Speed', '1'), {}]]);
  assert.throws(() => merge({ Size: 1 }, slow), /^Error: \/Size: it is absent with Speed=1/);
});

test('a value that is the word of a parameter becomes a reference to it', () => {
  const variants = new Map(['1', '2'].map((word) => [variantOf('Speed', word), { Text: word, Number: Number(word) }] as const));
  assert.deepEqual(render(merge({ Text: '3', Number: 3 }, variants)), { Text: { Ref: 'Speed' }, Number: { Ref: 'Speed' } });
});

test('a value that follows from the word of a parameter becomes a choice between its words', () => {
  const variants = new Map(['1', '2'].map((word) => [variantOf('Speed', word), 10 / Number(word)] as const));
  assert.deepEqual(render(merge(7, variants)), { 'Fn::If': ['Speed1', 10, { 'Fn::If': ['Speed2', 5, 7] }] });
});

test('a value that follows from a number with only two samples is refused', () => {
  const variants = new Map([[variantOf('Days', '60'), 60 * 24]]);
  assert.throws(() => render(merge(30 * 24, variants)), /depends on Days in a way that is known for 2 of its values only/);
});

test('members of a JSON text with references can be absent, and bring their commas', () => {
  const text = (on: boolean) => {
    const members = `["standin/",{"name":"`;
    const end = `"}${on ? ',"second"' : ''}]`;
    return { 'Fn::Join': ['', [members, { Ref: 'Topic' }, end]] };
  };
  const merged = merge(openTexts(text(true)), new Map([['Pool2', openTexts(text(false))]]));
  assert.deepEqual(render(merged), {
    'Fn::Join': [
      '',
      ['["', { Ref: 'Name' }, '/",{"name":"', { Ref: 'Topic' }, '"}', { 'Fn::If': ['Pool2', ',"second"', ''] }, ']'],
    ],
  });
});

test('a JSON text whose first member can be absent is refused', () => {
  const merged = merge(openTexts('["first","second"]'), new Map([['Pool2', openTexts('["second"]')]]));
  assert.throws(() => render(merged), /first member of a JSON text may be absent/);
});

test('a text with a placeholder of its own is joined, because a substitution would replace the placeholder', () => {
  assert.deepEqual(render('standin: ${Partition}'), { 'Fn::Join': ['', [{ Ref: 'Name' }, ': ${Partition}']] });
  assert.deepEqual(render('standin: 1'), { 'Fn::Sub': '${Name}: 1' });
});

test('of two names of a service, the one with the suffix of the partition stays only where the suffix is another one', () => {
  const hosts = ['sns.standin.amazonaws.com', { 'Fn::Join': ['', ['sns.standin.', { Ref: 'AWS::URLSuffix' }]] }];
  assert.deepEqual(render(openTexts(hosts)), [
    { 'Fn::Sub': 'sns.${Name}.amazonaws.com' },
    { 'Fn::If': ['HasOwnSuffix', { 'Fn::Sub': 'sns.${Name}.${AWS::URLSuffix}' }, NO_VALUE] },
  ]);
});
