import { App } from 'aws-cdk-lib';

/**
 * The context value `Example=YES` asks for the example. Only `npm run synth` gives it. The other commands read or
 * change an account, and without settings they could mean the wrong deployment.
 */
export const EXAMPLE_SWITCH = 'Example';

/** The settings of an example, for operators who want to read a template before they choose settings. */
export const EXAMPLE = {
  UserPoolIds: ['eu-west-1_AbCdEf123', 'eu-west-1_GhIjKl456'],
  SecondaryRegion: 'eu-central-1',
  NotificationEmail: 'backup@example.com',
};

/**
 * Uses the example if the operator asks for it and for placeholders, and names no pools.
 *
 * @returns whether the example is used
 */
export function useExample(app: App): boolean {
  const isGiven = (name: string): boolean => app.node.tryGetContext(name) !== undefined;
  const isWanted = app.node.tryGetContext(EXAMPLE_SWITCH) === 'YES' && app.node.tryGetContext('Functions') === 'PLACEHOLDER';
  if (!isWanted || isGiven('UserPoolIds') || isGiven('FormerUserPoolIds')) {
    return false;
  }
  Object.entries(EXAMPLE)
    .filter(([name]) => !isGiven(name))
    .forEach(([name, value]) => app.node.setContext(name, value));
  return true;
}
