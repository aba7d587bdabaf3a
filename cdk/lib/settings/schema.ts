/**
 * The JSON schema of the file with settings. `config/schema.json` holds it for editors, and a test compares the two.
 *
 * The schema says which names and types of values there are. It cannot say which values go together: the readers do.
 */

import Ajv, { type ErrorObject } from 'ajv';

import { SETTINGS, type SettingDescription, type SettingValue } from '../setting-descriptions';
import { SETTING_NAMES, type SettingName, SettingReader, type SettingValues } from './reader';

/** The schema of the file. */
export function settingsSchema(): Record<string, unknown> {
  const properties = Object.entries(SETTINGS).map(([name, description]) => [name, schemaOf(description)]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Settings of a deployment of cognito-backup',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}

function schemaOf({ value, meaning, default: fallback }: SettingDescription): Record<string, unknown> {
  // Editors show the description as text.
  const text = `${meaning} Default: ${fallback}.`.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
  return { description: text, ...typeOf(value) };
}

function typeOf(value: SettingValue): Record<string, unknown> {
  if (value === 'text') {
    return { type: 'string' };
  }
  if (value === 'list') {
    return { type: ['array', 'string'], items: { type: 'string' } };
  }
  if (value === 'map') {
    return { type: 'object', additionalProperties: { type: 'string' } };
  }
  return 'oneOf' in value ? { enum: value.oneOf } : { type: 'integer', minimum: value.from, maximum: value.to };
}

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(settingsSchema());

/**
 * Adds a problem for each setting whose value has a wrong type. YAML reads `012345678901` as a number, for example, and
 * the number has lost a digit.
 *
 * A setting that has a problem already gets no other one, unless the schema names the wrong member of its list.
 */
export function addSchemaProblems(reader: SettingReader, values: SettingValues): void {
  validate(values);
  for (const error of validate.errors ?? []) {
    const [, name = '', member] = error.instancePath.split('/');
    const known = reader.problems.findIndex((problem) => problem.name === name);
    if (!isSettingName(name) || (known >= 0 && (member === undefined || reader.problems[known]?.member !== undefined))) {
      continue;
    }
    if (known >= 0) {
      reader.problems.splice(known, 1);
    }
    reader.addProblem(name, adviceFor(error), member === undefined ? undefined : Number(member));
  }
}

function isSettingName(name: string): name is SettingName {
  return (SETTING_NAMES as readonly string[]).includes(name);
}

/** What is allowed instead of a value of a wrong type. */
function adviceFor(error: ErrorObject): string {
  const types = [error.params.type].flat();
  if (types.includes('object')) {
    return 'Use names with texts, each on a line of its own.';
  }
  if (types.includes('array')) {
    return 'Use a list of texts, or leave the setting out.';
  }
  return types.includes('integer')
    ? 'Use a whole number, without quotation marks.'
    : 'Use a text. Put a number in quotation marks.';
}
