/**
 * Goal: a name that one stack gives and another one uses is spelt in one file.
 *
 * Method: look for texts that begin with the name of the deployment in all other files of the app.
 */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const LIB = join(__dirname, '..', 'lib');

test('only names.ts spells names that begin with the name of the deployment', () => {
  const spelling = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => /\$\{(\w+\.)*name\}-/.test(readFileSync(join(LIB, file), 'utf8')));
  assert.deepEqual(spelling, ['names.ts']);
});
