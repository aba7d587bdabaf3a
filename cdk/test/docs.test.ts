import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { WORKSPACE } from '../lib/function-code';
import { SETTING_NAMES } from '../lib/settings';

test('docs/deploy.md has every setting in its table, and no other', () => {
  const text = readFileSync(join(WORKSPACE, 'docs', 'deploy.md'), 'utf8');
  const [, table = ''] = /\n## Settings\n([\s\S]*?)\n## /.exec(text) ?? [];
  const documented = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(documented.sort(), [...SETTING_NAMES].sort());
});
