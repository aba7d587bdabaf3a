/**
 * Compares `docs/reference/settings.md` with the settings that the deployment reads. `UPDATE_REFERENCE=1 npm
 * test` writes it. Compares the versions in the guide with those of the deployment.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { BUILD_TOOLS, WORKSPACE } from '../lib/function-code';
import { SETTINGS, type SettingDescription } from '../lib/setting-descriptions';

const PAGE = join(WORKSPACE, 'docs', 'reference', 'settings.md');

const INTRODUCTION = `# Settings of the deployment

<!-- Generated: UPDATE_REFERENCE=1 npm test, in cdk/ -->

Write settings in \`cdk/cdk.context.json\`, or give them as \`--context Name=value\`. A wrong value or
an unknown name stops the deployment before it changes anything. [Deploy](../guides/deploy.md) shows
how to use them.

The functions get \`CognitoTPS\`, \`QuotaHeadroom\`, \`SplitListing\`, \`CaptureConfiguration\`, \`SnsPreference\`,
\`SnapshotRetention\` and \`SubMapRetention\` as [environment variables](environment.md).

| setting | default | meaning |
|---|---|---|
`;

function row([name, { default: value, meaning }]: [string, SettingDescription]): string {
  return `| \`${name}\` | ${value} | ${meaning.replaceAll('|', '\\|')} |\n`;
}

test('docs/reference/settings.md describes every setting', () => {
  const rendered = INTRODUCTION + Object.entries(SETTINGS).map(row).join('');
  if (process.env.UPDATE_REFERENCE) {
    writeFileSync(PAGE, rendered);
  }
  assert.equal(readFileSync(PAGE, 'utf8'), rendered, `${PAGE} is stale. UPDATE_REFERENCE=1 npm test writes it again.`);
});

test('docs/guides/deploy.md installs the versions of the build tools that the deployment names', () => {
  const guide = readFileSync(join(WORKSPACE, 'docs', 'guides', 'deploy.md'), 'utf8');
  assert.deepEqual(guide.match(/pip install [^`\n]*/g), [BUILD_TOOLS]);
});
