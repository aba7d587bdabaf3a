/**
 * Every Cognito operation that a step makes is granted to the role of its function, and no other.
 *
 * Which operation a method of a pool is comes from `shared/src/pacing/paced_pool.rs`, which names both; which method is called by which
 * step from the sources in `shared/src/steps/`.
 */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { COGNITO_OPERATIONS } from '../lib/cognito-access';
import { WORKSPACE } from '../lib/function-code';
import { usual } from './synthesised';

const SHARED = join(WORKSPACE, 'shared', 'src');
const STEPS = join(SHARED, 'steps');
const source = (...path: string[]): string => withoutTests(readFileSync(join(SHARED, ...path), 'utf8'));

/** A source without its tests and comments. */
function withoutTests(text: string): string {
  return (text.split('#[cfg(test)]')[0] ?? '').replaceAll(/\/\/.*$/gm, '');
}

/** The operations in the `operations!` of `pool.rs`. */
function operations(): string[] {
  const [, list] = /^operations! \{\n([^}]*)\}/m.exec(source('pool.rs')) ?? [];
  assert.ok(list, 'pool.rs has no operations! any more');
  return [...list.matchAll(/^\s*(\w+) \w+,$/gm)].map(([, name]) => name ?? '');
}

/** The operation of each method of a pool. */
function operationsByMethod(): Map<string, string> {
  const calls = source('pacing', 'paced_pool.rs').matchAll(/Operation::(\w+), \|\| self\.pool\.(\w+)\(/g);
  return new Map([...calls].map(([, operation, method]) => [method ?? '', operation ?? '']));
}

/** The operations that a piece of source makes. */
function madeIn(text: string): string[] {
  const methods = operationsByMethod();
  const called = [...text.matchAll(/\bpool\s*\.\s*(\w+)\s*\(/g)].flatMap(([, method]) => methods.get(method ?? '') ?? []);
  return [...new Set(called)].sort();
}

/** A function of a source, from its name to the brace that closes it. */
function functionOf(text: string, name: string): string {
  const [found] = new RegExp(`^async fn ${name}<[\\s\\S]*?^}`, 'm').exec(text) ?? [];
  assert.ok(found, `enumerate.rs has no function ${name} any more`);
  return found;
}

/** The operations by role, as the steps make them. */
function made(): Record<keyof typeof COGNITO_OPERATIONS, string[]> {
  const enumerate = source('steps', 'enumerate.rs');
  const ceilings = source('steps', 'ceilings.rs');
  const [exports, imports] = ['export', 'import'].map((step) =>
    readdirSync(join(STEPS, step)).map((file) => source('steps', step, file)),
  ) as [string[], string[]];
  return {
    exportEnumerate: madeIn(functionOf(enumerate, 'begin_export') + ceilings),
    exportPage: madeIn(exports.join('\n')),
    importEnumerate: madeIn(functionOf(enumerate, 'begin_import') + source('steps', 'preflight.rs') + ceilings),
    importPage: madeIn(imports.join('\n')),
  };
}

const ROLES: Record<keyof typeof COGNITO_OPERATIONS, string> = {
  exportEnumerate: 'ExportEnumerateRole',
  exportPage: 'ExportPageRole',
  importEnumerate: 'ImportEnumerateRole',
  importPage: 'ImportPageRole',
};

test('every operation of pool.rs is that of a method, and is made by a step that could be found', () => {
  const all = operations().sort();
  assert.ok(all.length > 20);
  // Two methods are ListUsers, one with a filter and one without.
  assert.deepEqual([...new Set(operationsByMethod().values())].sort(), all);
  assert.deepEqual([...new Set(Object.values(made()).flat())].sort(), all);
});

test('the operations of the deployment are those that the steps make', () => {
  const known = Object.fromEntries(Object.entries(COGNITO_OPERATIONS).map(([role, names]) => [role, [...names].sort()]));
  assert.deepEqual(known, made());
});

test('and those are what the roles allow, in both Regions', () => {
  const { primary, secondary } = usual();
  for (const [step, operations] of Object.entries(made())) {
    const role = ROLES[step as keyof typeof ROLES];
    assert.deepEqual(primary.allowed(role, 'cognito-idp'), operations, role);
    if (step.startsWith('import')) {
      assert.deepEqual(secondary.allowed(role, 'cognito-idp'), operations, role);
    }
  }
});

test('no step outside of those files makes any, finalize least of all', () => {
  const looked = ['ceilings.rs', 'enumerate.rs', 'preflight.rs'];
  const others = readdirSync(STEPS).filter((file) => file.endsWith('.rs') && !looked.includes(file));
  others.forEach((file) => assert.deepEqual(madeIn(source('steps', file)), [], file));
  for (const role of ['ExportFinalizeRole', 'ImportFinalizeRole']) {
    assert.deepEqual(usual().primary.allowed(role, 'cognito-idp'), []);
  }
});
