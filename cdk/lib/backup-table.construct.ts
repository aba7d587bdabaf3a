import { Aws, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

/** A table in one Region, and the key that encrypts its items there. */
export interface RegionalTable {
  /** The table's name, the same in every Region. */
  readonly tableName: string;
  /** The ARN of the table or replica. */
  readonly tableArn: string;
  /** The ARN of the key. */
  readonly keyArn: string;
}

/** The alias of the table's key, the same in every Region. The table names the replica's key by it. */
export function tableKeyAlias(name: string): string {
  return `alias/${name}-table`;
}

/**
 * The key of the table in one Region. It stays if its stack is deleted, and if the deployment that creates it
 * fails. The table can survive both, and no tool can read it without its key.
 */
export class TableKey extends kms.Key {
  constructor(scope: Construct, id: string, name: string) {
    super(scope, id, {
      alias: tableKeyAlias(name),
      description: `Encrypts the backup table ${name}`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

export interface BackupTableProps {
  /** The table's name. */
  readonly name: string;
  /** The Region of the replica. It already has a key with the alias {@link tableKeyAlias}. */
  readonly secondaryRegion: string;
}

/**
 * The backup table: a global table with a replica in the secondary Region.
 *
 * Deletion protection is on in both Regions, and the table stays if its stack is deleted. A replica repeats
 * every deletion and every change of an item, so both Regions have point-in-time recovery, too.
 *
 * Deletion protection also keeps the table if the deployment that creates it fails. The table may hold snapshots
 * then, because the first export begins before the deployment ends.
 */
export class BackupTable extends Construct implements RegionalTable {
  readonly tableName: string;
  readonly tableArn: string;
  readonly keyArn: string;

  constructor(scope: Construct, id: string, props: BackupTableProps) {
    super(scope, id);
    const key = new TableKey(this, 'Key', props.name);
    const replicaKeyArn = Stack.of(this).formatArn({
      service: 'kms',
      region: props.secondaryRegion,
      account: Aws.ACCOUNT_ID,
      resource: tableKeyAlias(props.name),
    });
    const protection = {
      deletionProtection: true,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    };
    const table = new dynamodb.TableV2(this, 'Table', {
      tableName: props.name,
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      billing: dynamodb.Billing.onDemand(),
      encryption: dynamodb.TableEncryptionV2.customerManagedKey(key, { [props.secondaryRegion]: replicaKeyArn }),
      // The items of restores have this attribute. A global table has one TTL for all its replicas.
      timeToLiveAttribute: 'expiresAt',
      replicas: [{ region: props.secondaryRegion, ...protection }],
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      ...protection,
    });
    this.tableName = props.name;
    this.tableArn = table.tableArn;
    this.keyArn = key.keyArn;
  }
}
