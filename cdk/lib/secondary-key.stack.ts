import { Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { TableKey } from './backup-table.construct';
import { Settings } from './settings';

/** The key of the replica. It is a stack of its own because the table, in the other Region, cannot be created before it is there. */
export class SecondaryKeyStack extends Stack {
  /** The key. */
  readonly key: TableKey;

  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: key of the backup table's replica` });
    this.key = new TableKey(this, 'TableKey', settings.name);
  }
}
