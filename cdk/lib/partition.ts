/** The partitions of AWS, such as the standard Regions, China, GovCloud, and the European Sovereign Cloud. */

import { Aws, Stack } from 'aws-cdk-lib';
import { RegionInfo } from 'aws-cdk-lib/region-info';

/** How the names of Regions end: with a direction and a number. All Regions that AWS lists have this form. */
const END = '(central|(north|south)(east|west)?|east|west)-\\d$';

/**
 * The form of the names of Regions, for each partition.
 * Source: `regionRegex` in `partitions.json` of the AWS SDKs, with {@link END} instead of any word.
 */
const REGION_FORMS = Object.entries({
  aws: `^(us|eu|ap|sa|ca|me|af|il|mx)-${END}`,
  'aws-cn': `^cn-${END}`,
  'aws-us-gov': `^us-gov-${END}`,
  'aws-eusc': `^eusc-de-${END}`,
}).map(([partition, form]) => [partition, new RegExp(form)] as const);

/**
 * The partition of a Region, such as `aws` or `aws-us-gov`. A Region that this version of the CDK does not know may
 * be a new one, so its form decides. Undefined if no partition has Regions of this form.
 */
export function partitionOf(region: string): string | undefined {
  return RegionInfo.get(region).partition ?? REGION_FORMS.find(([, form]) => form.test(region))?.[0];
}

/** Whether the name has the form of a Region. */
export function isRegion(name: string): boolean {
  return partitionOf(name) !== undefined;
}

/** Whether `partition` is that of the Region. True for a text that is no Region, because another problem names it. */
export function isInPartitionOf(region: string, partition: string | undefined): boolean {
  const expected = partitionOf(region);
  return expected === undefined || expected === partition;
}

/**
 * The suffixes that `kms:ViaService` may have in a Region.
 *
 * AWS does not document for every partition which suffix the names of services have. Both names belong to AWS.
 */
export function serviceSuffixes(region: string): string[] {
  return [...new Set(['amazonaws.com', RegionInfo.get(region).domainSuffix ?? Aws.URL_SUFFIX])];
}

/** The condition that a key is used through `service` in the Region of the stack. */
export function viaService(stack: Stack, service: string): Record<string, Record<string, string | string[]>> {
  const names = serviceSuffixes(stack.region).map((suffix) => `${service}.${stack.region}.${suffix}`);
  return { StringEquals: { 'kms:ViaService': names.length === 1 ? names.join() : names } };
}
