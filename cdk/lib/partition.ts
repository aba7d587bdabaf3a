/** The partitions of AWS: the standard Regions, China, GovCloud, and the European Sovereign Cloud. */

import { Aws, Stack } from 'aws-cdk-lib';
import { RegionInfo } from 'aws-cdk-lib/region-info';

/** The partition of a Region, such as `aws` or `aws-us-gov`. Undefined if this version of the CDK does not know it. */
export function partitionOf(region: string): string | undefined {
  return RegionInfo.get(region).partition;
}

/**
 * The condition that a key is used through `service` in the Region of the stack.
 *
 * AWS does not document for every partition which suffix the names of services have. Both names belong to AWS.
 */
export function viaService(stack: Stack, service: string): Record<string, Record<string, string | string[]>> {
  const suffixes = new Set(['amazonaws.com', RegionInfo.get(stack.region).domainSuffix ?? Aws.URL_SUFFIX]);
  const names = [...suffixes].map((suffix) => `${service}.${stack.region}.${suffix}`);
  return { StringEquals: { 'kms:ViaService': names.length === 1 ? names.join() : names } };
}
