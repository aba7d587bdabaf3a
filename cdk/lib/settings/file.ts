/**
 * The file with the settings of a deployment: YAML, in `config/<name>.yaml`. It belongs under version control.
 *
 * Errors name the file and the line.
 */

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml';

import { type SettingProblem, type SettingValues, SettingsError } from './reader';

/** The folder of the files with settings. */
export const CONFIG_FOLDER = resolve(__dirname, '..', '..', 'config');

/** The name of the example. It is committed, and cannot be deployed. */
export const EXAMPLE_NAME = 'example';

/** How a command chooses the file. */
export interface FileChoice {
  /** The name of a file in the folder, without `.yaml`, or the path of a file. Undefined: the only file there is. */
  readonly chosen?: string;
  /** Whether the example is used if there is no other file. */
  readonly allowsExample: boolean;
  /** By default {@link CONFIG_FOLDER}. */
  readonly folder?: string;
}

/**
 * The path of the file with settings.
 *
 * @throws SettingsError if there is no such file, or if it is not clear which one is meant
 */
export function chooseSettingsFile({ chosen, allowsExample, folder = CONFIG_FOLDER }: FileChoice): string {
  const names = existsSync(folder) ? readdirSync(folder).flatMap((file) => /^(.+)\.yaml$/.exec(file)?.[1] ?? []) : [];
  const deployable = names.filter((name) => name !== EXAMPLE_NAME).sort();
  const example = join(folder, `${EXAMPLE_NAME}.yaml`);
  if (chosen !== undefined) {
    const path = /[/\\]|\.ya?ml$/.test(chosen) ? resolve(chosen) : join(folder, `${chosen}.yaml`);
    if (!existsSync(path)) {
      const others = deployable.length > 0 ? `There are settings for ${deployable.join(', ')}.` : copyExample(folder);
      throw fileError(`${shown(path)} does not exist. ${others}`);
    }
    if (path === example && !allowsExample) {
      throw fileError(`${shown(path)} is an example for npm run synth. ${copyExample(folder)}`);
    }
    return path;
  }
  const [only, ...others] = deployable;
  if (only === undefined && !allowsExample) {
    throw fileError(`${shown(folder)} has no file with settings. ${copyExample(folder)}`);
  }
  if (others.length > 0) {
    throw fileError(
      `${shown(folder)} has settings for ${deployable.join(', ')}. Choose one: npm run deploy -- --config ${only}, for other commands --context config=${only}, or for all of them COGNITO_BACKUP_CONFIG=${only}.`,
    );
  }
  return only === undefined ? example : join(folder, `${only}.yaml`);
}

/** Whether the path is that of the example. */
export function isExample(path: string, folder = CONFIG_FOLDER): boolean {
  return path === join(folder, `${EXAMPLE_NAME}.yaml`);
}

/** A file with settings that has been read, but not checked. */
export class SettingsFile {
  private constructor(
    readonly path: string,
    /** The settings as they stand in the file. */
    readonly values: SettingValues,
    private readonly lineOf: (problem: SettingProblem) => number | undefined,
  ) {}

  /**
   * Reads a file.
   *
   * @throws SettingsError if it is not YAML, or has no names with values
   */
  static read(path: string): SettingsFile {
    const lines = new LineCounter();
    const document = parseDocument(readFileSync(path, 'utf8'), { lineCounter: lines, prettyErrors: false });
    const line = (offset: number) => lines.linePos(offset).line;
    if (document.errors.length > 0) {
      const problems = document.errors.map(({ message, pos }) => ({ name: '', text: `${message}.`, line: line(pos[0]) }));
      throw new SettingsError(problems.map((problem) => at(path, problem.line, problem)));
    }
    const map = document.contents;
    if (!isMap(map)) {
      throw fileError(`${shown(path)} has no settings. Write a line for each, such as SecondaryRegion: eu-central-1.`);
    }
    const lineOf = ({ name, member }: SettingProblem): number | undefined => {
      const key = map.items.map((pair) => pair.key).find((candidate) => isScalar(candidate) && String(candidate.value) === name);
      const node = member === undefined ? key : document.getIn([name, member], true);
      return isNode(node) && node.range ? line(node.range[0]) : undefined;
    };
    return new SettingsFile(path, document.toJS(), lineOf);
  }

  /** The same problems, each with the file, and with the line that is wrong. */
  locate(error: SettingsError): SettingsError {
    return new SettingsError(error.problems.map((problem) => at(this.path, this.lineOf(problem), problem)));
  }
}

function at(path: string, line: number | undefined, problem: SettingProblem): SettingProblem {
  return { ...problem, text: `${shown(path)}${line === undefined ? '' : `:${line}`}: ${problem.text}` };
}

function copyExample(folder: string): string {
  return `Copy ${shown(join(folder, `${EXAMPLE_NAME}.yaml`))} to ${shown(join(folder, '<name>.yaml'))}, and fill it in.`;
}

function fileError(text: string): SettingsError {
  return new SettingsError([{ name: '', text }]);
}

/** A path as the operator types it. */
function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
