import { Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { TableKey } from './backup-table.construct';
import { Settings } from './settings';

/**
 * The stack of the replica's key. The table, in the primary Region, cannot be created before this key exists.
 */
export class SecondaryKeyStack extends Stack {
  readonly key: TableKey;

  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: key of the backup table's replica` });
    this.key = new TableKey(this, 'TableKey', settings.name);
  }
}
