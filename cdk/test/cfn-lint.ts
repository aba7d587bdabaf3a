/**
 * Runs cfn-lint, which checks templates against the schemas of CloudFormation. It is a package of Python in the version of
 * `lint-tools.txt`, and is installed once below `target/`.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { WORKSPACE } from '../lib/function-code';

/** What cfn-lint finds, and why it may. Every other finding fails the test. */
const ACCEPTED = {
  // `DependsOn` beside a reference. The CDK writes both.
  W3005: 'it changes nothing',
  // The rule that forbids the deployment of a template without functions.
  W8003: 'the condition is never true on purpose',
  // The lists of actions come from a newer model of the API than that of cfn-lint.
  W3037: 'cfn-lint does not know the newest actions of Cognito',
};

/**
 * A finding that is wrong: a state of the type `Succeed` may have an `OutputPath`.
 * Source: "State Types" in the Amazon States Language specification.
 */
const WRONG_FINDING =
  /E3601:Additional properties are not allowed \('OutputPath' was unexpected\) at 'States\/Every export started\/OutputPath'$/;

/** The interpreter of Python, and the folder with the packages. */
interface Python {
  readonly interpreter: string;
  readonly packages: string;
}

/** The reason why cfn-lint cannot run. */
export class NotInstalled extends Error {}

/**
 * Installs cfn-lint if it is missing.
 *
 * @throws NotInstalled without Python or its pip, or if the registry does not answer
 */
export function installCfnLint(): Python {
  const pins = readFileSync(join(WORKSPACE, 'cdk', 'lint-tools.txt'), 'utf8').trim();
  const packages = join(WORKSPACE, 'target', 'lint-tools', pins.replaceAll(/\s+/g, '_'));
  const interpreter = process.env.PYTHON ?? 'python3';
  if (!existsSync(packages)) {
    // Another test may install at the same time. The first one that is ready wins.
    const folder = `${packages}.${process.pid}`;
    mkdirSync(folder, { recursive: true });
    const pip = spawnSync(
      interpreter,
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', folder, ...pins.split('\n')],
      { encoding: 'utf8' },
    );
    if (pip.status !== 0) {
      rmSync(folder, { recursive: true });
      throw new NotInstalled(pip.error?.message ?? pip.stderr.trim().split('\n').at(-1));
    }
    try {
      renameSync(folder, packages);
    } catch (error) {
      rmSync(folder, { recursive: true });
      if (!existsSync(packages)) {
        throw error;
      }
    }
  }
  return { interpreter, packages };
}

/** The findings in templates, by the names of their files, without those that are accepted. */
export function findingsOf({ interpreter, packages }: Python, templates: ReadonlyMap<string, object>): string[] {
  const folder = join(WORKSPACE, 'target', 'lint-tools', `templates.${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    for (const [name, template] of templates) {
      // cfn-lint does not fill in the partition, and knows the ARNs of one partition.
      const text = JSON.stringify(template, undefined, 1).replaceAll('arn:${Partition}:states:::', 'arn:aws:states:::');
      writeFileSync(join(folder, `${name}.json`), text);
    }
    const files = [...templates.keys()].map((name) => `${name}.json`);
    const main = 'import sys; from cfnlint.runner import main; sys.exit(main())';
    const ignored = ['--ignore-checks', ...Object.keys(ACCEPTED)];
    const run = spawnSync(interpreter, ['-c', main, '--format', 'parseable', ...ignored, '--template', ...files], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, PYTHONPATH: packages },
    });
    if (run.error !== undefined) {
      throw run.error;
    }
    const lines = `${run.stdout}${run.stderr}`.split('\n').filter((line) => line !== '');
    // Without findings, the exit code is 0. If cfn-lint itself fails, it prints the reason.
    const findings = lines.filter((line) => !WRONG_FINDING.test(line));
    return run.status === 0 ? [] : findings.length > 0 || lines.length > 0 ? findings : [`cfn-lint ended with ${run.status}`];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
