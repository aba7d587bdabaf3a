import { Annotations, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

import { keyPolicy, useThroughDynamoDb } from './key-policy';
import { keyAliases } from './names';
import { Settings } from './settings';
import { tablePolicy } from './table-policy';

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
 *
 * If the deployment that creates the key fails, CloudFormation deletes it. It deletes the empty table, too.
 */
export class TableKey extends kms.Key {
  constructor(scope: Construct, id: string, { name, keyAdministrators }: Settings) {
    const stack = Stack.of(scope);
    super(scope, id, {
      alias: keyAliases(name).table,
      description: `Encrypts the backup table ${name}`,
      enableKeyRotation: true,
      policy: keyPolicy(stack, keyAdministrators, useThroughDynamoDb(stack)),
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
  }
}

export interface BackupTableProps {
  readonly settings: Settings;
  /** The ARN of the {@link TableKey} in the Region of the replica. Undefined if there is no replica. */
  readonly replicaKeyArn?: string;
}

/**
 * The backup table: a global table with a replica in the secondary Region.
 *
 * The table stays if its stack is deleted. A replica repeats every deletion and every change of an item, so both
 * Regions have point-in-time recovery.
 *
 * A protected table cannot be deleted, so a failed first deployment could not be repeated. So the first deployment
 * turns deletion protection on as its last step, and puts the policies that {@link tablePolicy} describes. The template has no parameter for it: `cdk import`, which takes the
 * table back after its stack was deleted, copies resources only.
 */
export class BackupTable extends Construct implements RegionalTable {
  readonly tableName: string;
  readonly tableArn: string;
  readonly keyArn: string;

  constructor(scope: Construct, id: string, { settings, replicaKeyArn }: BackupTableProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const { name, primaryRegion, secondaryRegion, isProtected } = settings;
    const key = new TableKey(this, 'Key', settings);
    const replicaRegions = [secondaryRegion ?? []].flat();
    const replicaKeys = Object.fromEntries(replicaRegions.map((region) => [region, replicaKeyArn ?? '']));
    const recovery = { pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true } };
    const table = new dynamodb.TableV2(this, 'Table', {
      tableName: name,
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      billing: dynamodb.Billing.onDemand(),
      encryption: dynamodb.TableEncryptionV2.customerManagedKey(key, replicaKeys),
      // The items of restores have this attribute. A global table has one TTL for all its replicas.
      timeToLiveAttribute: 'expiresAt',
      tableClass: settings.tableClass && dynamodb.TableClass[settings.tableClass],
      deletionProtection: isProtected,
      resourcePolicy: policyIn(stack, primaryRegion, settings),
      replicas: replicaRegions.map((region) => ({
        region,
        deletionProtection: isProtected,
        resourcePolicy: policyIn(stack, region, settings),
        ...recovery,
      })),
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      ...recovery,
    });
    if (settings.breakGlassRole === undefined) {
      Annotations.of(table).addWarningV2(
        'cognito-backup:no-break-glass-role',
        'BreakGlassRole is not set, so the table has no policy. An administrator can turn deletion protection off and delete it.',
      );
    }
    this.tableName = name;
    this.tableArn = table.tableArn;
    this.keyArn = key.keyArn;
  }
}

/** The policy of the table or replica in a Region. Undefined: none. */
function policyIn(stack: Stack, region: string, settings: Settings): iam.PolicyDocument | undefined {
  const { name, breakGlassRole, isProtected } = settings;
  // CloudFormation cannot make a replica in another Region and put its policy in one step.
  const isNew = region === settings.secondaryRegion && (settings.hasNewReplica ?? false);
  return breakGlassRole !== undefined && isProtected && !isNew ? tablePolicy(stack, { name, region, breakGlassRole }) : undefined;
}
