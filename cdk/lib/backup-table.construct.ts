import { Aws, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

/** A table in one Region, and the key that its items are encrypted with there. */
export interface RegionalTable {
  /** The table's name, the same in every Region. */
  readonly tableName: string;
  /** The ARN of the table or replica. */
  readonly tableArn: string;
  /** The ARN of the key. */
  readonly keyArn: string;
}

/** The alias of the table's key, the same in every Region, so that the table can name the replica's key without knowing its id. */
export function tableKeyAlias(name: string): string {
  return `alias/${name}-table`;
}

/** The key of the table in one Region. It is kept when its stack is deleted: without it, a table that is kept could not be read. */
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

/** What a {@link BackupTable} is made from. */
export interface BackupTableProps {
  /** The table's name. */
  readonly name: string;
  /** The Region of the replica. A key with the alias {@link tableKeyAlias} is there already. */
  readonly secondaryRegion: string;
}

/**
 * The backup table: a global table with a replica in the second Region.
 *
 * Neither can be deleted by mistake: deletion protection is on in both Regions, and the table stays when its stack is deleted. Replicas repeat
 * every deletion and every overwriting, so both Regions have point-in-time recovery as well.
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
      replicas: [{ region: props.secondaryRegion, ...protection }],
      removalPolicy: RemovalPolicy.RETAIN,
      ...protection,
    });
    this.tableName = props.name;
    this.tableArn = table.tableArn;
    this.keyArn = key.keyArn;
  }
}
