/**
 * Goal: one template stands for all combinations of its options.
 *
 * Method: merge a full value with those that lack one option, render it, and evaluate it for each combination.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { merge, renderChoices } from '../lib/dist/choice';

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

const render = (value: unknown) => renderChoices(value, (options) => options.join('And'));

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
