/**
 * The templates as they were last looked at. `UPDATE_SNAPSHOTS=1 npm test` writes them anew; the difference belongs into the review.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Template, usual } from './synthesised';

/** A template as text, without what changes with the code of the functions and the version of the CDK. */
function text(template: Template): string {
  const { Parameters, Rules, ...rest } = template.json;
  const normalised = JSON.stringify({ ...rest, Rules: { ...Rules, CheckBootstrapVersion: undefined } }, undefined, 2);
  return `${normalised.replaceAll(/[0-9a-f]{64}/g, '<hash>')}\n`;
}

for (const [name, template] of [
  ['secondary-key', () => usual().secondaryKey],
  ['primary', () => usual().primary],
  ['secondary', () => usual().secondary],
] as const) {
  test(`the template of the stack ${name} is as recorded`, () => {
    const file = join(__dirname, 'snapshots', `${name}.template.json`);
    if (process.env.UPDATE_SNAPSHOTS) {
      writeFileSync(file, text(template()));
    }
    assert.equal(text(template()), readFileSync(file, 'utf8'), `${file} differs; UPDATE_SNAPSHOTS=1 npm test records it anew`);
  });
}
