/**
 * Compares `docs/reference/settings.md` and `config/schema.json` with the settings that the deployment reads, and
 * `docs/reference/permissions.md` with its policies. `UPDATE_REFERENCE=1 npm test` writes all three. Compares the versions in the guide with those of the deployment.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { BUILD_TOOLS, WORKSPACE } from '../lib/function-code';
import { CONFIG_FOLDER } from '../lib/settings/file';
import { settingsSchema } from '../lib/settings/schema';
import { SETTINGS, type SettingDescription } from '../lib/setting-descriptions';
import { permissionsPage } from './permissions-page';

const PAGE = join(WORKSPACE, 'docs', 'reference', 'settings.md');

const INTRODUCTION = `# Settings of the deployment

<!-- Generated: UPDATE_REFERENCE=1 npm test, in cdk/ -->

Write settings in a YAML file, \`cdk/config/<name>.yaml\`. \`cdk/config/example.yaml\` has all of them.
A wrong value or an unknown name stops the deployment before it changes anything, and the error
names the line. [Deploy](../guides/deploy.md) shows how to use them.

The functions get \`CognitoTPS\`, \`QuotaHeadroom\`, \`SplitListing\`, \`CaptureConfiguration\`, \`SnsPreference\`,
\`HeartbeatParameter\`, \`SnapshotRetention\` and \`SubMapRetention\` as [environment variables](environment.md).

| setting | default | meaning |
|---|---|---|
`;

function row([name, { default: value, meaning }]: [string, SettingDescription]): string {
  return `| \`${name}\` | ${value} | ${meaning.replaceAll('|', '\\|')} |\n`;
}

function requireRecorded(file: string, rendered: string): void {
  if (process.env.UPDATE_REFERENCE) {
    writeFileSync(file, rendered);
  }
  assert.equal(readFileSync(file, 'utf8'), rendered, `${file} is stale. UPDATE_REFERENCE=1 npm test writes it again.`);
}

test('docs/reference/settings.md describes every setting', () => {
  requireRecorded(PAGE, INTRODUCTION + Object.entries(SETTINGS).map(row).join(''));
});

test('docs/reference/permissions.md lists the calls of every command and function', () => {
  requireRecorded(join(WORKSPACE, 'docs', 'reference', 'permissions.md'), permissionsPage());
});

test('config/schema.json, which editors read, is the schema of the settings', () => {
  requireRecorded(join(CONFIG_FOLDER, 'schema.json'), `${JSON.stringify(settingsSchema(), undefined, 2)}\n`);
});

test('docs/guides/deploy.md installs the versions of the build tools that the deployment names', () => {
  const guide = readFileSync(join(WORKSPACE, 'docs', 'guides', 'deploy.md'), 'utf8');
  assert.deepEqual(guide.match(/pip install [^`\n]*/g), [BUILD_TOOLS]);
});
