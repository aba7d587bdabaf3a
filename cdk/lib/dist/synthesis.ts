/** Synthesises the stacks of a deployment without assets and without the resources of `cdk bootstrap`. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { App, BootstraplessSynthesizer, type Stack } from 'aws-cdk-lib';

import { type Deployment, deploy } from '../deployment';
import { WORKSPACE } from '../function-code';
import type { SettingValues } from '../settings';
import type { Inputs } from './parameters';
import type { ReleasedCode } from './released-code';

/** The stacks of a deployment, by their names in {@link Deployment}. */
export type StackId = Exclude<keyof Deployment, 'settings'>;

/** The templates of a deployment. */
export type Templates = Partial<Record<StackId, any>>;

/** Synthesises. The bootstrapless synthesizer refuses assets, because no template could name them. */
export function synthesise({ settings, context }: Inputs, code: ReleasedCode): Templates {
  const { context: flags } = JSON.parse(readFileSync(join(WORKSPACE, 'cdk', 'cdk.json'), 'utf8'));
  const app = new App({
    analyticsReporting: false,
    // The warnings are for operators of the CDK app. Each of the syntheses would repeat them.
    context: { ...flags, ...context, '@aws-cdk/core:annotationsInValidationReport': false },
    defaultStackSynthesizer: new BootstraplessSynthesizer(),
  });
  const { settings: _, ...stacks } = deploy(app, settings as SettingValues, code);
  const assembly = app.synth();
  return Object.fromEntries(
    Object.entries<Stack>(stacks).map(([id, stack]) => [id, assembly.getStackArtifact(stack.artifactId).template]),
  );
}
