import { CfnOutput, Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { TableKey } from './backup-table.construct';
import { Settings } from './settings';

/** The output with the ARN of the replica's key. */
export const REPLICA_KEY_OUTPUT = 'ReplicaKeyArn';

/**
 * The stack of the replica's key. The table, in the primary Region, cannot be created before this key exists.
 */
export class SecondaryKeyStack extends Stack {
  readonly key: TableKey;

  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: key of the backup table's replica` });
    this.key = new TableKey(this, 'TableKey', settings);
    new CfnOutput(this, REPLICA_KEY_OUTPUT, { value: this.key.keyArn, description: 'The key of the replica' });
  }
}
