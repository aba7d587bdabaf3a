/**
 * Evaluates templates as CloudFormation does, and compares what they make.
 *
 * Logical ids may differ between two templates. So a resource is known by its type and its evaluated properties, and a
 * reference by the resource that it leads to.
 */

import { createHash } from 'node:crypto';

/** Where a template is deployed, and with which parameters. */
export interface Place {
  readonly region: string;
  readonly partition: string;
  readonly suffix: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What a template makes, in an order that does not depend on logical ids. */
export interface Made {
  readonly resources: readonly string[];
  readonly outputs: readonly string[];
}

const ACCOUNT = '111122223333';
/** A reference to a resource, in an evaluated text. */
const REFERENCE = /⟨(\w+)((?:\.\w+)*)⟩/g;

/**
 * What a template makes.
 *
 * @param ignore changes a resource before it is compared
 */
export function made(template: any, place: Place, ignore: (resource: any) => any): Made {
  const evaluator = new Evaluator(template, place);
  const resources = new Map<string, any>();
  for (const [id, resource] of Object.entries<any>(template.Resources)) {
    if (resource.Condition === undefined || evaluator.isTrue(resource.Condition)) {
      const { DependsOn: dependsOn = [], Metadata: metadata, Condition: _, ...rest } = resource;
      const waits = [dependsOn, evaluator.value(metadata?.DependsOn ?? [])]
        .flat()
        .map((text: string) => text.replace(REFERENCE, '$1'));
      resources.set(
        id,
        ignore({ ...(evaluator.value(rest) as object), DependsOn: waits.filter((other: string) => other !== '') }),
      );
    }
  }
  const known = new Map<string, string>();
  const canonical = (id: string): string => {
    const before = known.get(id);
    if (before !== undefined) {
      return before;
    }
    const resource = resources.get(id);
    if (resource === undefined) {
      throw new Error(`${id} is absent, and something refers to it.`);
    }
    const name = `${resource.Type} ${createHash('sha256').update(written(id)).digest('hex').slice(0, 8)}`;
    known.set(id, name);
    return name;
  };
  const written = (id: string): string => {
    const { DependsOn: waits, ...rest } = resources.get(id);
    const value = { ...rest, DependsOn: waits.map(canonical).sort() };
    return pretty(value).replaceAll(REFERENCE, (_, other, attribute) => `⟨${canonical(other)}${attribute}⟩`);
  };
  const outputs = Object.entries<any>(template.Outputs ?? {})
    .filter(([, output]) => output.Condition === undefined || evaluator.isTrue(output.Condition))
    .map(([id, { Value: value, Export: exported }]) => pretty({ id, ...evaluator.object({ value, exported }) }))
    .map((text) => text.replaceAll(REFERENCE, (_, other, attribute) => `⟨${canonical(other)}${attribute}⟩`));
  return { resources: [...resources.keys()].map(written).sort(), outputs: outputs.sort() };
}

/** The members of each list that the other one lacks. */
export function differences(one: readonly string[], other: readonly string[]): { onlyOne: string[]; onlyOther: string[] } {
  const rest = [...other];
  const onlyOne = one.filter((member) => {
    const index = rest.indexOf(member);
    return index < 0 || rest.splice(index, 1).length === 0;
  });
  return { onlyOne, onlyOther: rest };
}

/** With sorted names, and with numbers as texts: CloudFormation converts one into the other. */
function pretty(value: unknown): string {
  return JSON.stringify(normalised(value), undefined, 1);
}

function normalised(value: any, inPolicy = false): unknown {
  if (Array.isArray(value)) {
    const members = value.map((member) => normalised(member, inPolicy));
    // In a policy, a list with one text is the same as the text.
    return inPolicy && members.length === 1 && typeof members[0] === 'string' ? members[0] : members;
  }
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  }
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, normalised(value[name], inPolicy || name === 'Statement')]));
}

class Evaluator {
  constructor(
    private readonly template: any,
    private readonly place: Place,
  ) {
    const { parameters } = place;
    for (const [name, declared] of Object.entries<any>(template.Parameters ?? {})) {
      const value = parameters[name] ?? declared.Default;
      if (value === undefined) {
        throw new Error(`The parameter ${name} has no value.`);
      }
      if (
        declared.AllowedValues?.includes(value) === false ||
        (declared.AllowedPattern && !new RegExp(declared.AllowedPattern).test(value))
      ) {
        throw new Error(`The parameter ${name} does not allow ${value}.`);
      }
    }
  }

  isTrue(condition: string): boolean {
    return this.holds(this.template.Conditions[condition]);
  }

  object(members: Record<string, unknown>): Record<string, unknown> {
    return this.value(members) as Record<string, unknown>;
  }

  /** Undefined: no value. */
  value(value: any): unknown {
    if (Array.isArray(value)) {
      return value.map((member) => this.value(member)).filter((member) => member !== undefined);
    }
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    const [name, ...others] = Object.keys(value);
    if (others.length === 0 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::'))) {
      return this.call(name, value[name]);
    }
    const members = Object.entries(value).map(([key, member]) => [key, this.value(member)] as const);
    return Object.fromEntries(members.filter(([, member]) => member !== undefined));
  }

  private call(name: string, argument: any): unknown {
    switch (name) {
      case 'Ref':
        return this.reference(argument);
      case 'Fn::GetAtt':
        return this.reference(argument.join('.'));
      case 'Fn::Sub':
        return argument.replaceAll(/\$\{([\w:.]+)\}/g, (_: string, reference: string) => this.reference(reference));
      case 'Fn::Join':
        return (this.value(argument[1]) as unknown[]).map((part) => text(part)).join(argument[0]);
      case 'Fn::Select':
        return (this.value(argument[1]) as unknown[])[argument[0]];
      case 'Fn::Split':
        return text(this.value(argument[1])).split(argument[0]);
      case 'Fn::If':
        return this.value(argument[this.isTrue(argument[0]) ? 1 : 2]);
      case 'Fn::ImportValue':
        return `import of ${text(this.value(argument))}`;
      case 'Fn::GetStackOutput':
        return `output ${pretty(this.value(argument))}`;
      default:
        throw new Error(`${name} is not expected in a template.`);
    }
  }

  private reference(name: string): unknown {
    const { region, partition, suffix, parameters } = this.place;
    const values: Record<string, string> = {
      'AWS::Region': region,
      'AWS::Partition': partition,
      'AWS::URLSuffix': suffix,
      'AWS::AccountId': ACCOUNT,
    };
    if (name === 'AWS::NoValue') {
      return undefined;
    }
    const [id] = name.split('.');
    if (this.template.Resources[id!] !== undefined) {
      return `⟨${name}⟩`;
    }
    const declared = this.template.Parameters?.[name];
    const value = declared === undefined ? values[name] : (parameters[name] ?? declared.Default);
    if (value === undefined) {
      throw new Error(`The template refers to ${name}, which it does not have.`);
    }
    return value;
  }

  private holds(condition: any): boolean {
    const [[name, argument]] = Object.entries<any>(condition) as [[string, any]];
    switch (name) {
      case 'Fn::Equals':
        return this.value(argument[0]) === this.value(argument[1]);
      case 'Fn::Not':
        return !this.holds(argument[0]);
      case 'Fn::And':
        return argument.every((part: unknown) => this.holds(part));
      case 'Condition':
        return this.isTrue(argument);
      default:
        throw new Error(`${name} is not expected in a condition.`);
    }
  }
}

function text(value: unknown): string {
  if (typeof value === 'object' || value === undefined) {
    throw new Error(`${JSON.stringify(value)} is no text.`);
  }
  return String(value);
}
