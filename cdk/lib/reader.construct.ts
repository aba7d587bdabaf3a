import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

import { RegionalTable } from './backup-table.construct';
import { Settings, sourcePools } from './settings';
import {
  READING,
  SNAPSHOT_PARTITIONS,
  configurationPartitions,
  poolPartitions,
  tableStatements,
  userPartitions,
} from './table-access';

/** What a {@link Reader} is made from. */
export interface ReaderProps {
  /** The deployment's settings. */
  readonly settings: Settings;
  /** The table or replica of the Region. */
  readonly table: RegionalTable;
}

/**
 * A role for other accounts, which reads the snapshots of this deployment and nothing else.
 *
 * Whoever `TrustedPrincipals` names takes it on to copy the items of a snapshot to a table of its own, and restores them there. The items
 * hold all that Cognito gives out about the users: trust nobody who may not see that.
 */
export class Reader extends Construct {
  /** The role. */
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: ReaderProps) {
    super(scope, id);
    const { settings, table } = props;
    const stack = Stack.of(this);
    const pools = sourcePools(settings);
    this.role = new iam.Role(this, 'Role', {
      roleName: `${settings.name}-reader-${stack.region}`,
      description: `Reads the snapshots of ${settings.name} in ${stack.region}, for imports in other accounts`,
      assumedBy: new iam.CompositePrincipal(...settings.trustedPrincipals.map((arn) => new iam.ArnPrincipal(arn))),
    });
    const partitions = [poolPartitions(pools), configurationPartitions(pools), userPartitions(pools), SNAPSHOT_PARTITIONS];
    const grant = { sid: 'ReadSnapshots', actions: READING, partitions };
    const reading = tableStatements(stack, table, [grant], ['Decrypt', 'DescribeKey']);
    reading.forEach((statement) => this.role.addToPolicy(statement));
  }
}
