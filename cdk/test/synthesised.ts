/** Synthesises deployments for tests, and reads their templates. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { App } from 'aws-cdk-lib';

import { Deployment, deploy } from '../lib/deployment';
import { FunctionCode } from '../lib/function-code';

/** Two pools in Ireland. The replica is in Frankfurt. */
export const POOLS = ['eu-west-1_AbCdEf123', 'eu-west-1_GhIjKl456'];
export const PRIMARY = 'eu-west-1';
export const SECONDARY = 'eu-central-1';
export const EMAIL = 'backup@example.com';
export const CONTEXT = { UserPoolIds: POOLS, SecondaryRegion: SECONDARY, NotificationEmail: EMAIL };

/** A pool of another account. */
export const COPIED_POOL = 'eu-west-1_Copied123';
/** Copies of its snapshots. */
export const COPY = {
  FormerUserPoolIds: COPIED_POOL,
  CopyFrom: 'arn:aws:dynamodb:eu-west-1:444455556666:table/source-backup',
};

/** The settings that companies demand. */
export const COMPANY = {
  AccessLogging: 'YES',
  PermissionsBoundary: 'arn:aws:iam::111122223333:policy/boundary',
  VpcSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  VpcSecurityGroupIds: ['sg-0123456789abcdef0'],
  SecondaryVpcSubnetIds: ['subnet-0123456789abcdef2'],
  SecondaryVpcSecurityGroupIds: ['sg-0123456789abcdef1'],
  TableClass: 'STANDARD_INFREQUENT_ACCESS',
  Tags: { 'cost-center': '4711', owner: 'team@example.com' },
};

/** The settings of a deployment with every stack, key and role. */
export const EVERYTHING = {
  ...CONTEXT,
  ...COMPANY,
  ...COPY,
  BackupVault: 'YES',
  CaptureConfiguration: 'YES',
  TrustedPrincipals: '111122223333',
};

/** All templates of a deployment. */
export function templatesOf(stacks: Synthesised): Template[] {
  return Object.values(stacks).filter((value) => value instanceof Template);
}

// The templates must not contain the account of a developer.
delete process.env.CDK_DEFAULT_ACCOUNT;

export interface Resource {
  readonly Type: string;
  readonly Properties: any;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly DependsOn?: string[];
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly actions: string[];
  readonly NotAction?: string;
  readonly resources: string[];
  readonly Condition?: Record<string, Record<string, string | string[]>>;
}

/** A synthesised stack. */
export class Template {
  constructor(
    readonly json: any,
    readonly warnings: readonly string[],
  ) {}

  /** The resources of a type, by logical id. */
  ofType(type: string): [string, Resource][] {
    const resources = Object.entries(this.json.Resources as Record<string, Resource>);
    return resources.filter(([, resource]) => resource.Type === type);
  }

  /** The properties of the resources of a type. */
  all(type: string): any[] {
    return this.ofType(type).map(([, resource]) => resource.Properties);
  }

  /** The properties of the only resource of a type. */
  only(type: string): any {
    const all = this.all(type);
    if (all.length !== 1) {
      throw new Error(`${all.length} resources of type ${type}`);
    }
    return all[0];
  }

  /** The properties of the function with a name. */
  lambda(name: string): any {
    return this.all('AWS::Lambda::Function').find((properties) => properties.FunctionName === name);
  }

  /** The statements in the policies of the roles whose logical ids begin with `role`. */
  statements(role: string): Statement[] {
    const policies = this.all('AWS::IAM::Policy').filter((policy) =>
      policy.Roles.some((reference: any) => String(reference.Ref).startsWith(role)),
    );
    return policies
      .flatMap((policy) => policy.PolicyDocument.Statement)
      .map((statement: any) => ({
        ...statement,
        // A statement has the one or the other.
        actions: [statement.Action ?? []].flat(),
        resources: [statement.Resource].flat().map(readable),
      }));
  }

  /** The actions of a service that a role may do, without the prefix of the service. */
  allowed(role: string, service: string): string[] {
    const actions = this.statements(role)
      .filter((statement) => statement.Effect === 'Allow')
      .flatMap((statement) => statement.actions);
    const prefix = `${service}:`;
    return [
      ...new Set(actions.filter((action) => action.startsWith(prefix)).map((action) => action.slice(prefix.length))),
    ].sort();
  }
}

/** A value of a template as text. A reference is in angle brackets. */
export function readable(value: any): string {
  if (typeof value === 'string') {
    return value;
  }
  if (value?.Ref !== undefined) {
    return `<${value.Ref}>`;
  }
  if (value?.['Fn::GetAtt'] !== undefined) {
    return `<${value['Fn::GetAtt'].join('.')}>`;
  }
  if (value?.['Fn::Join'] !== undefined) {
    return value['Fn::Join'][1].map(readable).join(value['Fn::Join'][0]);
  }
  if (value?.['Fn::ImportValue'] !== undefined) {
    return `<${readable(value['Fn::ImportValue'])}>`;
  }
  return JSON.stringify(value);
}

export interface Synthesised {
  readonly deployment: Deployment;
  readonly secondaryKey: Template;
  readonly storage: Template;
  readonly runs: Template;
  readonly watch: Template;
  readonly vault?: Template;
  readonly accessLog?: Template;
  readonly secondary: Template;
  readonly secondaryWatch: Template;
}

/** Synthesises a deployment with placeholders for the functions. It fails if cdk-nag finds a new problem. */
export function synthesise(
  values: Record<string, unknown> = CONTEXT,
  change?: (deployment: Deployment) => void,
  context: Record<string, string> = {},
): Synthesised {
  const app = new App({ context: { ...cdkContext(), ...context } });
  const deployment = deploy(app, values, FunctionCode.placeholders('x86_64'));
  change?.(deployment);
  const assembly = app.synth();
  // A deployment in one Region has no stacks in a second one. Their templates here have no resources.
  const template = (stack: { artifactId: string } | undefined) => {
    if (stack === undefined) {
      return new Template({ Resources: {} }, []);
    }
    const artifact = assembly.getStackArtifact(stack.artifactId);
    const warnings = artifact.messages
      .filter((message) => message.level === 'warning')
      .map((message) => String(message.entry.data));
    return new Template(artifact.template, warnings);
  };
  return {
    deployment,
    secondaryKey: template(deployment.secondaryKey),
    storage: template(deployment.storage),
    runs: template(deployment.runs),
    watch: template(deployment.watch),
    ...(deployment.vault && { vault: template(deployment.vault) }),
    ...(deployment.accessLog && { accessLog: template(deployment.accessLog) }),
    secondary: template(deployment.secondary),
    secondaryWatch: template(deployment.secondaryWatch),
  };
}

/** The feature flags of `cdk.json`. */
export function cdkContext(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(__dirname, '..', 'cdk.json'), 'utf8')).context;
}

/** The deployment of {@link CONTEXT}, synthesised once for all tests of a file. */
export const defaultStacks: () => Synthesised = (() => {
  let synthesised: Synthesised | undefined;
  return () => (synthesised ??= synthesise());
})();
