/**
 * The templates of a release, which need neither Rust nor Node.js nor the CDK.
 *
 * {@link deploy} makes them like those of the CDK app: once with all options and stand-ins, once without each option, and
 * once with each other word of a parameter. What differs depends on the parameter. So a change of a construct needs no
 * change here.
 */

import { isDeepStrictEqual } from 'node:util';

import { ABSENT, Choice, merge, variantOf } from './choice';
import { type Parameter, PARAMETERS, STAND_IN_REGIONS, fullInputs, withWord, wordsOf } from './parameters';
import { type Archives, ReleasedCode } from './released-code';
import { type Names, Renderer } from './render';
import { type StackId, type Templates, synthesise } from './synthesis';
import { openTexts } from './text';
import { decidingNames, finishVersions, renamed, shortVersionIds } from './versions';

/** The most bytes of a template. Source: "AWS CloudFormation quotas", CloudFormation user guide. */
export const MAX_BYTES = 1_000_000;

/** The stacks in the Region of the replica. */
const SECONDARY_STACKS: readonly StackId[] = ['secondaryKey', 'secondary', 'secondaryWatch'];

/** What a setting in the record of a deployment is if it is hidden: a digest, which no template can compute. */
const HIDDEN = /hidden, digest [0-9a-f]{4}/g;

/** The condition that names of services end differently than in the standard partition. */
const HAS_OWN_SUFFIX = 'HasOwnUrlSuffix';

/** The parts of a template that this module can merge. */
const KNOWN_SECTIONS = ['Description', 'Resources', 'Outputs'];

/**
 * The templates of a release, by the file names of their stacks, such as `secondary-key`.
 *
 * @param archives the file names of the archives
 * @throws Error if CloudFormation has no expression for something that an option changes
 */
export function releasedTemplates(archives: Archives, architecture: 'x86_64' | 'arm64'): Map<string, any> {
  const code = new ReleasedCode(archives);
  const inputs = fullInputs(architecture);
  const full = prepared(synthesise(inputs, code));
  const variants = new Map<string, Templates>();
  for (const { name, effect } of PARAMETERS) {
    if (effect.kind === 'text' && effect.without !== undefined) {
      variants.set(name, prepared(synthesise(effect.without(inputs), code)));
    }
    for (const word of wordsOf(effect).slice(1)) {
      const variant = effect.kind === 'switch' ? name : variantOf(name, word);
      variants.set(variant, prepared(synthesise(withWord(inputs, effect, word), code)));
    }
  }
  return new Map(
    Object.entries(full).map(([id, template]) => {
      // A stack that is absent without an option has nothing that could depend on it.
      const ofStack = [...variants].flatMap(([variant, templates]) =>
        id in templates ? [[variant, templates[id as StackId]] as const] : [],
      );
      const merged = merge(template, new Map(ofStack), id);
      return [fileName(id), new TemplateWriter(id as StackId).write(merged)];
    }),
  );
}

/** The file name of a stack, without its end. */
export function fileName(stack: string): string {
  return stack.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Templates that can be merged: equal logical ids, and nothing in them that only the CDK reads. */
function prepared(templates: Templates): Templates {
  return Object.fromEntries(
    Object.entries(templates).map(([id, template]) => {
      const unknown = Object.keys(template).find((section) => !KNOWN_SECTIONS.includes(section));
      if (unknown !== undefined) {
        throw new Error(`The template of ${id} has the section ${unknown}, which no released template has yet.`);
      }
      const resources = Object.entries<any>(template.Resources).map(([resource, { Metadata: _, ...rest }]) => [resource, rest]);
      const shown = JSON.parse(
        JSON.stringify({ ...template, Resources: Object.fromEntries(resources) }).replaceAll(HIDDEN, 'hidden'),
      );
      return [id, openTexts(withoutStandInsInIds(shortVersionIds(shown)))];
    }),
  );
}

/** With the name of the parameter in logical ids, instead of its stand-in. */
function withoutStandInsInIds(template: any): any {
  const texts = PARAMETERS.flatMap(({ name, effect }) =>
    effect.kind === 'text' ? [[effect.standIn.replaceAll(/[^0-9A-Za-z]/g, ''), name] as const] : [],
  );
  const rename = (id: string) => texts.reduce((renamedId, [text, name]) => renamedId.replaceAll(text, name), id);
  const ids = [...Object.keys(template.Resources), ...Object.keys(template.Outputs ?? {})];
  return renamed(template, new Map(ids.map((id) => [id, rename(id)] as const).filter(([id, other]) => id !== other)));
}

/** Writes one template, and collects the conditions that it needs. */
class TemplateWriter {
  private readonly conditions: Record<string, unknown> = {};
  private readonly renderer: Renderer;
  /** Texts, each with the reference that takes its place. A text stands before those that it contains. */
  private readonly references: readonly (readonly [string, unknown])[];

  constructor(stack: StackId) {
    this.references = referencesIn(SECONDARY_STACKS.includes(stack));
    const names: Names = {
      allOn: (options) => this.allOn(options),
      has: (parameter, word) => this.condition(`${parameter}Is${alphanumeric(word)}`, equals(parameter, word)),
      hasOwnSuffix: () =>
        this.condition(HAS_OWN_SUFFIX, { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'AWS::URLSuffix' }, 'amazonaws.com'] }] }),
      words: (parameter) => wordsOf(parameterOf(parameter).effect),
      isClosed: (parameter) => parameterOf(parameter).effect.kind !== 'number',
      withoutStandIns: (text) => this.withoutStandIns(text),
    };
    this.renderer = new Renderer(names);
  }

  write(merged: any): any {
    const resources = this.members(merged.Resources, (resource, id, members) => this.resource(resource, id, members));
    const outputs = this.members(merged.Outputs ?? {}, (output) => this.renderer.render(output));
    const template = finishVersions(
      { Resources: resources, ...(Object.keys(outputs).length > 0 && { Outputs: outputs }) },
      this.conditions,
      PARAMETERS.map(({ name }) => name),
    );
    const used = decidingNames(template, this.conditions);
    const parameters = PARAMETERS.filter(({ name }) => used.has(name));
    return {
      AWSTemplateFormatVersion: '2010-09-09',
      // CloudFormation allows no reference here.
      Description: merged.Description.replaceAll(standInOf('Name'), 'cognito-backup'),
      Metadata: { 'AWS::CloudFormation::Interface': groups(parameters) },
      Parameters: Object.fromEntries(parameters.map((parameter) => [parameter.name, declaration(parameter)])),
      ...(Object.keys(this.conditions).length > 0 && { Conditions: this.conditions }),
      ...template,
    };
  }

  /** Renders resources or outputs. One that an option adds gets a condition. */
  private members(
    members: Record<string, unknown>,
    render: (member: any, id: string, members: Record<string, unknown>) => unknown,
  ): Record<string, any> {
    return Object.fromEntries(
      Object.entries(members).map(([id, member]) => {
        const condition = this.conditionOf(member);
        const rendered = render(condition === undefined ? member : (member as Choice).on, id, members);
        return [id, condition === undefined ? rendered : { ...(rendered as object), Condition: condition }];
      }),
    );
  }

  /** The condition of a resource or output. */
  private conditionOf(member: unknown): string | undefined {
    if (!(member instanceof Choice)) {
      return undefined;
    }
    if (member.off !== ABSENT) {
      throw new Error(`Without ${member.options.join()}, a resource is added or replaced. Released templates cannot say that.`);
    }
    return this.allOn(member.options);
  }

  /**
   * `DependsOn` takes no functions, and its resources must exist. So a resource waits for optional ones by references in
   * its metadata.
   */
  private resource({ DependsOn: dependsOn, ...rest }: any, id: string, members: Record<string, unknown>): unknown {
    const own = this.conditionOf(members[id]);
    const dependencies = idsIn(dependsOn).map((other) => [other, this.conditionOf(members[other])] as const);
    const [certain, optional] = [true, false].map((isCertain) =>
      dependencies.filter(([, condition]) => (condition === undefined || condition === own) === isCertain),
    );
    return {
      ...(this.renderer.render(rest) as object),
      ...(certain!.length > 0 && { DependsOn: certain!.map(([other]) => other) }),
      ...(optional!.length > 0 && {
        Metadata: { DependsOn: optional!.map(([other, condition]) => ({ 'Fn::If': [condition, { Ref: other }, ''] })) },
      }),
    };
  }

  private condition(name: string, value: unknown): string {
    if (name in this.conditions && !isDeepStrictEqual(this.conditions[name], value)) {
      throw new Error(`Two conditions have the name ${name}.`);
    }
    this.conditions[name] = value;
    return name;
  }

  private allOn(options: readonly string[]): string {
    const names = options.map((option) => this.condition(`Has${option}`, isOn(parameterOf(option))));
    return names.length === 1
      ? names.join()
      : this.condition(names.join('And'), { 'Fn::And': names.map((name) => ({ Condition: name })) });
  }

  private withoutStandIns(text: string): readonly unknown[] {
    return this.references.reduce<readonly unknown[]>(
      (parts, [standIn, reference]) =>
        parts.flatMap((part) => (typeof part === 'string' ? split(part, standIn, reference) : [part])),
      [text],
    );
  }
}

/** Each stand-in with the reference that takes its place, in a stack of one of the Regions. */
function referencesIn(isSecondary: boolean): [string, unknown][] {
  const texts = PARAMETERS.flatMap(({ name, effect }): [string, unknown][] =>
    effect.kind === 'text' ? [[effect.standIn, { Ref: name }]] : [],
  );
  const { primary, secondary } = STAND_IN_REGIONS;
  const own: [string, unknown] = [isSecondary ? secondary : primary, { Ref: 'AWS::Region' }];
  // The first pool names the primary Region, so that no parameter can contradict it.
  const regionOfPools: [string, unknown] = [primary, { 'Fn::Select': [0, { 'Fn::Split': ['_', { Ref: 'UserPool1' }] }] }];
  const regions = isSecondary ? [own, regionOfPools] : [own];
  const isRegion = (text: string) => regions.some(([region]) => region === text);
  const all = [...texts.filter(([text]) => !isRegion(text)), ...regions];
  return all.sort(([one], [other]) => other.length - one.length);
}

function split(text: string, standIn: string, reference: unknown): unknown[] {
  return text
    .split(standIn)
    .flatMap((part, index) => (index === 0 ? [part] : [reference, part]))
    .filter((part) => part !== '');
}

/** All logical ids in a merged list of dependencies. */
function idsIn(value: unknown): string[] {
  if (value instanceof Choice) {
    return [...idsIn(value.on), ...idsIn(value.off)];
  }
  return Array.isArray(value) ? value.flatMap(idsIn) : typeof value === 'string' ? [value] : [];
}

function parameterOf(name: string): Parameter {
  const parameter = PARAMETERS.find((candidate) => candidate.name === name);
  if (parameter === undefined) {
    throw new Error(`There is no parameter ${name}.`);
  }
  return parameter;
}

function standInOf(name: string): string {
  const { effect } = parameterOf(name);
  return effect.kind === 'text' ? effect.standIn : '';
}

function isOn({ name, effect }: Parameter): unknown {
  return effect.kind === 'switch'
    ? equals(name, effect.on)
    : { 'Fn::Not': [equals(name, (effect.kind === 'text' && effect.none) || '')] };
}

function equals(parameter: string, word: string): unknown {
  return { 'Fn::Equals': [{ Ref: parameter }, word] };
}

function alphanumeric(text: string): string {
  return text.replaceAll(/[^0-9A-Za-z]/g, '');
}

/** A parameter as CloudFormation declares it. */
function declaration(parameter: Parameter): unknown {
  const { effect } = parameter;
  const allowed = parameter.allowedValues ?? (effect.kind === 'text' ? undefined : sorted(wordsOf(effect)));
  return {
    Type: 'String',
    Description: parameter.description,
    ...(parameter.default !== undefined && { Default: parameter.default }),
    ...(parameter.allowedPattern !== undefined && { AllowedPattern: parameter.allowedPattern }),
    ...(parameter.constraint !== undefined && { ConstraintDescription: parameter.constraint }),
    ...(allowed !== undefined && { AllowedValues: allowed }),
  };
}

/** Numbers in their order, and words as they are. */
function sorted(words: readonly string[]): string[] {
  return words.every((word) => /^\d+$/.test(word)) ? [...words].sort((one, other) => Number(one) - Number(other)) : [...words];
}

/** The groups in which the console shows the parameters. */
function groups(parameters: readonly Parameter[]): unknown {
  const labels = [...new Set(parameters.map(({ group }) => group))];
  return {
    ParameterGroups: labels.map((label) => ({
      Label: { default: label },
      Parameters: parameters.filter(({ group }) => group === label).map(({ name }) => name),
    })),
  };
}

/** A template as text. CloudFormation counts its bytes, so it has no white space. */
export function templateText(template: unknown): string {
  const text = JSON.stringify(template);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) {
    throw new Error(`A template has ${bytes} bytes. CloudFormation refuses more than ${MAX_BYTES}.`);
  }
  return text;
}
