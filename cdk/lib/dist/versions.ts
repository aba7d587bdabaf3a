/**
 * The published versions of the functions.
 *
 * CloudFormation publishes a version only if its logical id or its description changes, and Lambda refuses to publish the
 * same code and settings again. So both follow the code and the settings of the function, and nothing else.
 */

import { createHash } from 'node:crypto';

import { isMembers } from './choice';

const VERSION = 'AWS::Lambda::Version';

/** What the CDK adds to the logical id of a version: the digest of what the function is. */
const DIGEST_OF_CDK = /[0-9a-f]{32}$/;

/** Without the digest of the CDK, which depends on the stand-ins. */
export function shortVersionIds(template: any): any {
  const ids = Object.entries<any>(template.Resources)
    .filter(([, resource]) => resource.Type === VERSION)
    .map(([id]) => id);
  const other = ids.find((id) => !DIGEST_OF_CDK.test(id));
  if (other !== undefined) {
    throw new Error(`The logical id ${other} of a version does not end with a digest.`);
  }
  return renamed(template, new Map(ids.map((id) => [id, id.replace(DIGEST_OF_CDK, '')])));
}

/** With a digest of code and settings, and with the parameters in the description. */
export function finishVersions(template: any, conditions: Readonly<Record<string, unknown>>, parameters: readonly string[]): any {
  const resources = Object.entries<any>(template.Resources);
  const ids = new Map<string, string>();
  for (const [id, version] of resources.filter(([, resource]) => resource.Type === VERSION)) {
    const { Code: code, Tags: _, ...settings } = template.Resources[version.Properties.FunctionName.Ref].Properties;
    const archive = JSON.stringify(code).match(/[\w-]+\.zip/)?.[0];
    const digest = createHash('sha256')
      .update(JSON.stringify([archive, settings]))
      .digest('hex')
      .slice(0, 16);
    const deciding = decidingNames(settings, conditions);
    // A function whose name changes is another function.
    const values = parameters.filter((name) => name !== 'Name' && deciding.has(name)).map((name) => `\${${name}}`);
    const description = [digest, ...values].join(' ');
    version.Properties.Description = values.length === 0 ? description : { 'Fn::Sub': description };
    ids.set(id, id + digest);
  }
  return renamed(template, ids);
}

/** All that a value may name: the texts in it, and the names that `Fn::Sub` has in braces. */
export function namesIn(value: unknown): Set<string> {
  if (typeof value === 'string') {
    return new Set([value, ...[...value.matchAll(/\$\{([\w:.]+)\}/g)].map(([, name]) => name!)]);
  }
  const members = Array.isArray(value) ? value : isMembers(value) ? Object.values(value) : [];
  return new Set(members.flatMap((member) => [...namesIn(member)]));
}

/** All that decides a value: what it names, and what the conditions name that it depends on. */
export function decidingNames(value: unknown, conditions: Readonly<Record<string, unknown>>): Set<string> {
  const names = namesIn(value);
  const ofConditions = [...names].filter((name) => name in conditions).map((name) => decidingNames(conditions[name], conditions));
  return new Set([...names, ...ofConditions.flatMap((found) => [...found])]);
}

/** A template with other logical ids, wherever it names them. */
export function renamed(template: any, ids: ReadonlyMap<string, string>): any {
  if (ids.size === 0) {
    return template;
  }
  const pattern = new RegExp(`\\b(${[...ids.keys()].join('|')})\\b`, 'g');
  return JSON.parse(JSON.stringify(template).replaceAll(pattern, (id) => ids.get(id) ?? id));
}
