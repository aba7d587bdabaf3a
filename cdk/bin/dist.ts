/** Writes the templates of a release. Usage: `dist.ts FOLDER ARCHITECTURE`, with the archives in the folder. */

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { releasedTemplates, templateText } from '../lib/dist/templates';
import { EXECUTABLES, type Executable } from '../lib/function-code';

const [folder, architecture] = process.argv.slice(2);
if (folder === undefined || (architecture !== 'x86_64' && architecture !== 'arm64')) {
  throw new Error('Usage: dist.ts FOLDER x86_64|arm64');
}
const archives = Object.fromEntries(EXECUTABLES.map((executable) => [executable, archiveOf(executable, folder)]));
const templates = join(folder, 'templates');
mkdirSync(templates, { recursive: true });
for (const [name, template] of releasedTemplates(archives as Record<Executable, string>, architecture)) {
  writeFileSync(join(templates, `${name}.template.json`), templateText(template));
}

/** The archive of a function, which has a digest in its name. */
function archiveOf(executable: Executable, from: string): string {
  const found = readdirSync(from).filter((file) => new RegExp(`^${executable}-[0-9a-f]{16}\\.zip$`).test(file));
  if (found.length !== 1) {
    throw new Error(`${from} has ${found.length} archives of ${executable}. Run cargo xtask dist, which makes them.`);
  }
  return found.join();
}
