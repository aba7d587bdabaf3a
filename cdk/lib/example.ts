import { App } from 'aws-cdk-lib';

/** The settings of an example, for operators who want to read a template before they choose settings. */
export const EXAMPLE = {
  UserPoolIds: ['eu-west-1_AbCdEf123', 'eu-west-1_GhIjKl456'],
  SecondaryRegion: 'eu-central-1',
};

/**
 * Uses the example if the operator asks for templates with placeholders and names no pools.
 *
 * @returns whether the example is used
 */
export function useExample(app: App): boolean {
  const isGiven = (name: string): boolean => app.node.tryGetContext(name) !== undefined;
  if (app.node.tryGetContext('Functions') !== 'PLACEHOLDER' || isGiven('UserPoolIds') || isGiven('FormerUserPoolIds')) {
    return false;
  }
  Object.entries(EXAMPLE)
    .filter(([name]) => !isGiven(name))
    .forEach(([name, value]) => app.node.setContext(name, value));
  return true;
}
