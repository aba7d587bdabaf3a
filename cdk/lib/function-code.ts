/**
 * The code of the functions. cargo-lambda builds it into `target/lambda/<name>/bootstrap`. With a
 * placeholder, the operator can read a template but not deploy it.
 */

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { CfnRule, Fn, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';

import { Settings } from './settings';

/** The four executables, named as in `functions/`. */
export const EXECUTABLES = ['enumerate', 'export-page', 'import-page', 'finalize'] as const;

/** The name of an executable. */
export type Executable = (typeof EXECUTABLES)[number];

/**
 * Where the code of the functions comes from. `BUILD`: build the functions first. `BUILT`: use the built functions.
 * `PLACEHOLDER`: use a placeholder for each function that is not built.
 */
export const CODE_SOURCES = ['BUILT', 'BUILD', 'PLACEHOLDER'] as const;
export type CodeSource = (typeof CODE_SOURCES)[number];

/** The root of the workspace. */
export const WORKSPACE = resolve(__dirname, '..', '..');

/**
 * Installs cargo-lambda and zig, its linker. Other versions may fail: the archiver of zig 0.16.0 breaks the build
 * of aws-lc-sys. Source: https://github.com/aws/aws-lc-rs/issues/993. `cargo xtask dist` reads the same file.
 */
export const BUILD_TOOLS = `pip install ${linesOf('build-tools.txt').join(' ')}`;

/** The folder of the placeholder for functions that are not built. */
const PLACEHOLDER = join(__dirname, '..', 'placeholder');

/** The machine type in the header of an ELF file. Source: System V ABI, ELF header, `e_machine`. */
const ELF_MACHINES: Record<Settings['architecture'], number> = { arm64: 183, x86_64: 62 };

/** Functions that are missing, or are built for another architecture. */
export class FunctionsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FunctionsError';
  }
}

/** The code of the four functions. */
export class FunctionCode {
  /**
   * @param folder the output folder of cargo-lambda
   * @throws FunctionsError if a function is missing or built for another architecture, and `source` is not
   * `PLACEHOLDER`
   */
  constructor(
    private readonly source: CodeSource,
    private readonly architecture: Settings['architecture'],
    private readonly folder = join(WORKSPACE, 'target', 'lambda'),
  ) {
    if (source === 'BUILD') {
      build(architecture);
    }
    if (source !== 'PLACEHOLDER') {
      this.requireBuilt();
    }
  }

  /** Placeholders for all functions. Stacks with them cannot be deployed. */
  static placeholders(architecture: Settings['architecture']): FunctionCode {
    return new FunctionCode('PLACEHOLDER', architecture, PLACEHOLDER);
  }

  /** The code of one function for a stack. With a placeholder, the stack cannot be deployed. */
  of(executable: Executable, stack: Stack): lambda.Code {
    if (this.source !== 'PLACEHOLDER' || this.isBuilt(executable)) {
      return lambda.Code.fromAsset(join(this.folder, executable));
    }
    forbidDeployment(stack);
    return lambda.Code.fromAsset(PLACEHOLDER);
  }

  private isBuilt(executable: Executable): boolean {
    return elfMachine(join(this.folder, executable, 'bootstrap')) === ELF_MACHINES[this.architecture];
  }

  private requireBuilt(): void {
    const missing = EXECUTABLES.filter((executable) => !existsSync(join(this.folder, executable, 'bootstrap')));
    if (missing.length > 0) {
      throw new FunctionsError(
        `The functions are not built: ${this.folder} has no ${missing.join(', ')}. Run \`npm run deploy\`, which builds them for ${this.architecture}.`,
      );
    }
    const wrongArchitecture = EXECUTABLES.filter((executable) => !this.isBuilt(executable));
    if (wrongArchitecture.length > 0) {
      throw new FunctionsError(
        `${wrongArchitecture.join(', ')} in ${this.folder} cannot run on ${this.architecture}. Run \`npm run deploy\`, which builds them for ${this.architecture}, or change Architecture.`,
      );
    }
  }
}

/** Builds the functions with cargo-lambda, which can compile for both architectures. */
function build(architecture: Settings['architecture']): void {
  const target = architecture === 'arm64' ? '--arm64' : '--x86-64';
  const packages = EXECUTABLES.flatMap((executable) => ['--package', executable]);
  // The output of cargo goes to stderr, because stdout belongs to the CDK.
  const built = spawnSync('cargo', ['lambda', 'build', '--release', target, ...packages], {
    cwd: WORKSPACE,
    stdio: ['ignore', 2, 2],
  });
  if (built.error !== undefined || built.status !== 0) {
    const reason = built.error?.message ?? `cargo exited with ${built.status ?? built.signal}`;
    throw new FunctionsError(
      `Building the functions for ${architecture} failed: ${reason}. Install Rust and cargo-lambda (\`${BUILD_TOOLS}\`), and try again.`,
    );
  }
}

/** The lines of a file in `cdk/`. */
function linesOf(file: string): string[] {
  return readFileSync(join(WORKSPACE, 'cdk', file), 'utf8')
    .trim()
    .split('\n');
}

/**
 * The machine type in the header of an executable. Undefined if the file is missing or is not an executable.
 */
function elfMachine(file: string): number | undefined {
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

/** Adds a rule that is never true, so that CloudFormation refuses the stack. */
function forbidDeployment(stack: Stack): void {
  if (stack.node.tryFindChild('FunctionsAreBuilt') === undefined) {
    new CfnRule(stack, 'FunctionsAreBuilt', {
      assertions: [
        {
          assert: Fn.conditionEquals(stack.region, 'nowhere'),
          assertDescription: 'This template was synthesised without the functions. Run `npm run deploy`, which builds them.',
        },
      ],
    });
  }
}
