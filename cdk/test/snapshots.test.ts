/**
 * Compares the templates with the reviewed ones. `UPDATE_SNAPSHOTS=1 npm test` writes them again. Review the
 * difference.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Template, defaultStacks } from './synthesised';

/** A template as text, without the hashes of the functions' code and without the version of the CDK. */
function text(template: Template): string {
  const { Parameters, Rules, ...rest } = template.json;
  const normalised = JSON.stringify({ ...rest, Rules: { ...Rules, CheckBootstrapVersion: undefined } }, undefined, 2);
  return `${normalised.replaceAll(/[0-9a-f]{64}/g, '<hash>')}\n`;
}

for (const [name, template] of [
  ['secondary-key', () => defaultStacks().secondaryKey],
  ['primary', () => defaultStacks().primary],
  ['secondary', () => defaultStacks().secondary],
] as const) {
  test(`the template of the stack ${name} is the reviewed one`, () => {
    const file = join(__dirname, 'snapshots', `${name}.template.json`);
    if (process.env.UPDATE_SNAPSHOTS) {
      writeFileSync(file, text(template()));
    }
    assert.equal(text(template()), readFileSync(file, 'utf8'), `${file} differs. UPDATE_SNAPSHOTS=1 npm test writes it again.`);
  });
}
