/**
 * Where the functions' code comes from: built by cargo-lambda into `target/lambda/<name>/bootstrap`, or a placeholder with which a
 * template can be looked at but not deployed.
 */

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { CfnRule, Fn, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';

import { FunctionsFrom, Settings } from './settings';

/** The four executables, named as in `functions/`. */
export const EXECUTABLES = ['enumerate', 'export-page', 'import-page', 'finalize'] as const;

/** The name of an executable. */
export type Executable = (typeof EXECUTABLES)[number];

/** The root of the workspace. */
export const WORKSPACE = resolve(__dirname, '..', '..');

/** Holds what stands for a function that is not built. */
const PLACEHOLDER = join(__dirname, '..', 'placeholder');

/** The machine type in the header of an ELF file. Source: System V ABI, ELF header, `e_machine`. */
const ELF_MACHINES: Record<Settings['architecture'], number> = { arm64: 183, x86_64: 62 };

/** Functions that are not there, or cannot run where they are to. */
export class FunctionsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FunctionsError';
  }
}

/** The code of the four functions. */
export class FunctionCode {
  /**
   * @param from `BUILD` builds the functions first; `BUILT` takes what is there and refuses to go on without; `PLACEHOLDER` takes what is
   * there and a placeholder for the rest
   * @param folder where cargo-lambda puts what it builds
   * @throws FunctionsError where a function is missing or of another architecture
   */
  constructor(
    private readonly from: FunctionsFrom,
    private readonly architecture: Settings['architecture'],
    private readonly folder = join(WORKSPACE, 'target', 'lambda'),
  ) {
    if (from === 'BUILD') {
      build(architecture);
    }
    if (from !== 'PLACEHOLDER') {
      this.refuseWhatIsMissing();
    }
  }

  /** Placeholders for all functions, built or not: stacks with them cannot be deployed. */
  static placeholders(architecture: Settings['architecture']): FunctionCode {
    return new FunctionCode('PLACEHOLDER', architecture, PLACEHOLDER);
  }

  /** The code of one function, for a stack that can be deployed only if it is no placeholder. */
  of(executable: Executable, stack: Stack): lambda.Code {
    if (this.from !== 'PLACEHOLDER' || this.isBuilt(executable)) {
      return lambda.Code.fromAsset(join(this.folder, executable));
    }
    forbidDeployment(stack);
    return lambda.Code.fromAsset(PLACEHOLDER);
  }

  private isBuilt(executable: Executable): boolean {
    return machineOf(join(this.folder, executable, 'bootstrap')) === ELF_MACHINES[this.architecture];
  }

  private refuseWhatIsMissing(): void {
    const missing = EXECUTABLES.filter((executable) => !existsSync(join(this.folder, executable, 'bootstrap')));
    if (missing.length > 0) {
      throw new FunctionsError(
        `The functions are not built: ${this.folder} has no ${missing.join(', ')}. Run \`npm run deploy\`, which builds them, or build them with \`cargo lambda build --release\` for ${this.architecture}.`,
      );
    }
    const foreign = EXECUTABLES.filter((executable) => !this.isBuilt(executable));
    if (foreign.length > 0) {
      throw new FunctionsError(
        `${foreign.join(', ')} in ${this.folder} cannot run on ${this.architecture}. Build for it (\`npm run deploy\` does), or set Architecture to the one they were built for.`,
      );
    }
  }
}

/** Builds the functions with cargo-lambda, which has a compiler for either architecture. */
function build(architecture: Settings['architecture']): void {
  const target = architecture === 'arm64' ? '--arm64' : '--x86-64';
  const packages = EXECUTABLES.flatMap((executable) => ['--package', executable]);
  // What cargo says goes to stderr, because stdout belongs to the CDK.
  const built = spawnSync('cargo', ['lambda', 'build', '--release', target, ...packages], {
    cwd: WORKSPACE,
    stdio: ['ignore', 2, 2],
  });
  if (built.error !== undefined || built.status !== 0) {
    const why = built.error?.message ?? `cargo ended with ${built.status ?? built.signal}`;
    throw new FunctionsError(
      `The functions could not be built for ${architecture} (${why}). It takes Rust and cargo-lambda: \`pip install cargo-lambda\`.`,
    );
  }
}

/** The machine type of an executable; undefined where there is none. */
function machineOf(file: string): number | undefined {
  if (!existsSync(file)) {
    return undefined;
  }
  const header = Buffer.alloc(20);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return header.readUInt32BE(0) === 0x7f454c46 ? header.readUInt16LE(18) : undefined;
}

/** Makes CloudFormation refuse the stack: a rule that no deployment can satisfy. */
function forbidDeployment(stack: Stack): void {
  if (stack.node.tryFindChild('FunctionsAreBuilt') === undefined) {
    new CfnRule(stack, 'FunctionsAreBuilt', {
      assertions: [
        {
          assert: Fn.conditionEquals(stack.region, 'nowhere'),
          assertDescription:
            'This template was synthesised without the functions. Deploy with `npm run deploy`, which builds them.',
        },
      ],
    });
  }
}
