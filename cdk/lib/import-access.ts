/** The pools that imports of a Region may write to, and the statements of their roles for Cognito. */

import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';

import { allowOperations, denySourcePools, poolArns } from './cognito-access';
import { type Settings, importTargetsIn, regionOf, repairablePoolsIn, sourcePools } from './settings';

/** The tag with which an operator opens a pool to imports. `shared/src/model/pool_tag.rs` has it, too. */
const TAG_KEY = 'aws:ResourceTag/cognito-backup';
const REPAIR = 'repair';
const TAG_VALUES = ['target', REPAIR];
/** Works without the tag. Otherwise enumerate could not tell that the pool lacks it. */
const READS_TAG = 'DescribeUserPool';

/** The pools of a Region, as its imports see them. */
export class ImportAccess {
  /** Ids and patterns of the pools that imports may write to, source pools included. */
  readonly pools: readonly string[];
  /** The source pools, and the ids and patterns of all pools that a tag can open. People may look at these. */
  readonly visible: readonly string[];
  /** The source pools that imports may repair. */
  private readonly repairable: readonly string[];
  /** The source pools of all Regions that imports must never touch. */
  private readonly protectedPools: readonly string[];
  private readonly requiresTag: boolean;

  constructor(
    private readonly stack: Stack,
    settings: Settings,
  ) {
    const { region } = stack;
    const sources = sourcePools(settings);
    const ofSettings = importTargetsIn(settings, region);
    this.requiresTag = settings.requirePoolTag;
    // The tag decides. Lists of pools are narrower.
    const targets = this.requiresTag && settings.importTargets.length === 0 ? [everyPool(region)] : ofSettings;
    const candidates = settings.repairablePools.length > 0 || !this.requiresTag ? settings.repairablePools : sources;
    this.repairable = region === settings.primaryRegion ? repairablePoolsIn({ repairablePools: candidates }, region) : [];
    this.protectedPools = sources.filter((pool) => !this.repairable.includes(pool));
    const isCovered = (pool: string): boolean => targets.includes(everyPool(regionOf(pool)));
    this.pools = [...targets, ...this.repairable.filter((pool) => !isCovered(pool))];
    this.visible = [...targets, ...sources.filter((pool) => !isCovered(pool))];
  }

  /** Whether a `Deny` has a wildcard. */
  get hasProtectedPools(): boolean {
    return this.protectedPools.length > 0;
  }

  /** Allows operations on the pools, if their tag opens them. */
  allow(sid: string, operations: readonly string[]): iam.PolicyStatement[] {
    if (this.pools.length === 0) {
      return [];
    }
    if (!this.requiresTag) {
      return [allowOperations(this.stack, sid, operations, this.pools)];
    }
    const [reading, others] = [true, false].map((reads) => operations.filter((name) => (name === READS_TAG) === reads));
    const tagged = allowOperations(this.stack, sid, others ?? [], this.pools);
    tagged.addCondition('StringEquals', { [TAG_KEY]: TAG_VALUES });
    return [allowOperations(this.stack, 'LookAtTheTag', reading ?? [], this.pools), tagged];
  }

  /** Keeps imports away from source pools, which the patterns of the targets may match, too. */
  deny(): iam.PolicyStatement[] {
    const statements = this.hasProtectedPools ? [denySourcePools(this.stack, this.protectedPools)] : [];
    if (this.requiresTag && this.repairable.length > 0) {
      statements.push(
        new iam.PolicyStatement({
          sid: 'RepairOnlyWithTheTag',
          effect: iam.Effect.DENY,
          notActions: [`cognito-idp:${READS_TAG}`],
          resources: poolArns(this.stack, this.repairable),
          // True for a pool without the tag, too.
          conditions: { StringNotEquals: { [TAG_KEY]: REPAIR } },
        }),
      );
    }
    return statements;
  }
}

/** The pattern for every pool of a Region. */
export function everyPool(region: string): string {
  return `${region}_*`;
}
