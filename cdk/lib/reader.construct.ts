import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

import { RegionalTable } from './backup-table.construct';
import { readerRoleName } from './names';
import { Settings, isAccountId, sourcePools } from './settings';
import {
  READ_ACTIONS,
  SNAPSHOT_PARTITIONS,
  configurationPartitions,
  describeTable,
  poolPartitions,
  tableStatements,
  userPartitions,
} from './table-access';

export interface ReaderProps {
  readonly settings: Settings;
  /** The table or replica of the Region. */
  readonly table: RegionalTable;
}

/**
 * A role for other accounts. It may read the snapshots of this deployment and describe the table, and do
 * nothing else.
 *
 * The principals in `TrustedPrincipals` assume it to copy a snapshot to their own table, and restore it from
 * there. A snapshot has all data about the users that Cognito returns. So trust only principals that may see
 * it. `TrustedExternalId` and `TrustedOrganization` are conditions on all of them.
 */
export class Reader extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: ReaderProps) {
    super(scope, id);
    const { settings, table } = props;
    const stack = Stack.of(this);
    const pools = sourcePools(settings);
    this.role = new iam.Role(this, 'Role', {
      roleName: readerRoleName(settings.name, stack.region),
      description: `Reads the snapshots of ${settings.name} in ${stack.region}, for imports in other accounts`,
      assumedBy: new iam.CompositePrincipal(
        ...settings.trustedPrincipals.map((principal) => trusted(stack, settings, principal)),
      ),
    });
    const partitions = [poolPartitions(pools), configurationPartitions(pools), userPartitions(pools), SNAPSHOT_PARTITIONS];
    const grant = { sid: 'ReadSnapshots', actions: READ_ACTIONS, partitions };
    const statements = tableStatements(stack, table, [grant], ['Decrypt', 'DescribeKey']);
    statements.forEach((statement) => this.role.addToPolicy(statement));
    // `copy` compares the ARNs of both tables.
    this.role.addToPolicy(describeTable(table));
  }
}

/** An account id trusts every principal that its account allows. */
function trusted(stack: Stack, settings: Settings, principal: string): iam.PrincipalBase {
  const arn = new iam.ArnPrincipal(isAccountId(principal) ? `arn:${stack.partition}:iam::${principal}:root` : principal);
  const required = {
    ...(settings.trustedExternalId && { 'sts:ExternalId': settings.trustedExternalId }),
    ...(settings.trustedOrganization && { 'aws:PrincipalOrgID': settings.trustedOrganization }),
  };
  return Object.keys(required).length > 0 ? arn.withConditions({ StringEquals: required }) : arn;
}
