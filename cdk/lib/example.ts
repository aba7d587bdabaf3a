import { App } from 'aws-cdk-lib';

/** A deployment to look at, for whoever has not decided on settings yet. */
export const EXAMPLE = {
  UserPoolIds: ['eu-west-1_AbCdEf123', 'eu-west-1_GhIjKl456'],
  SecondaryRegion: 'eu-central-1',
};

/**
 * Puts the example in the place of settings, where templates are only to be looked at and nobody has said of which pools.
 *
 * @returns whether it did
 */
export function useExample(app: App): boolean {
  const given = (name: string): boolean => app.node.tryGetContext(name) !== undefined;
  if (app.node.tryGetContext('Functions') !== 'PLACEHOLDER' || given('UserPoolIds') || given('FormerUserPoolIds')) {
    return false;
  }
  Object.entries(EXAMPLE)
    .filter(([name]) => !given(name))
    .forEach(([name, value]) => app.node.setContext(name, value));
  return true;
}
