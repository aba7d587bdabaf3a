import { Aws, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

import { keyAliases } from './names';

/** A table in one Region, and the key that encrypts its items there. */
export interface RegionalTable {
  /** The table's name, the same in every Region. */
  readonly tableName: string;
  /** The ARN of the table or replica. */
  readonly tableArn: string;
  /** The ARN of the key. */
  readonly keyArn: string;
}

/**
 * The key of the table in one Region. It stays if its stack is deleted, because no tool can read the table without it.
 * The table names the replica's key by its alias, which is the same in every Region.
 *
 * If the deployment that creates the key fails, CloudFormation deletes it. It deletes the empty table, too.
 */
export class TableKey extends kms.Key {
  constructor(scope: Construct, id: string, name: string) {
    super(scope, id, {
      alias: keyAliases(name).table,
      description: `Encrypts the backup table ${name}`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
  }
}

export interface BackupTableProps {
  /** The table's name. */
  readonly name: string;
  /** The Region of the replica. It already has a {@link TableKey}. Undefined: no replica. */
  readonly secondaryRegion?: string;
  /** Whether no call may delete the table or its replica. */
  readonly isProtected: boolean;
}

/**
 * The backup table: a global table with a replica in the secondary Region.
 *
 * The table stays if its stack is deleted. A replica repeats every deletion and every change of an item, so both
 * Regions have point-in-time recovery.
 *
 * A protected table cannot be deleted, so a failed first deployment could not be repeated. So the first deployment
 * turns deletion protection on as its last step. The template has no parameter for it: `cdk import`, which takes the
 * table back after its stack was deleted, copies resources only.
 */
export class BackupTable extends Construct implements RegionalTable {
  readonly tableName: string;
  readonly tableArn: string;
  readonly keyArn: string;

  constructor(scope: Construct, id: string, props: BackupTableProps) {
    super(scope, id);
    const key = new TableKey(this, 'Key', props.name);
    const replicaRegions = [props.secondaryRegion ?? []].flat();
    const replicaKeys = replicaRegions.map((region) => {
      const resource = keyAliases(props.name).table;
      return [region, Stack.of(this).formatArn({ service: 'kms', region, account: Aws.ACCOUNT_ID, resource })] as const;
    });
    const recovery = { pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true } };
    const table = new dynamodb.TableV2(this, 'Table', {
      tableName: props.name,
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      billing: dynamodb.Billing.onDemand(),
      encryption: dynamodb.TableEncryptionV2.customerManagedKey(key, Object.fromEntries(replicaKeys)),
      // The items of restores have this attribute. A global table has one TTL for all its replicas.
      timeToLiveAttribute: 'expiresAt',
      deletionProtection: props.isProtected,
      replicas: replicaRegions.map((region) => ({ region, deletionProtection: props.isProtected, ...recovery })),
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      ...recovery,
    });
    this.tableName = props.name;
    this.tableArn = table.tableArn;
    this.keyArn = key.keyArn;
  }
}
