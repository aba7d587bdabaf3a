import { Annotations, CfnCondition, CfnParameter, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
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
  /** The ARN of the {@link TableKey} in the Region of the replica. */
  readonly replicaKeyArn: string;
}

/**
 * The backup table: a global table with a replica in the secondary Region.
 *
 * The table stays if its stack is deleted. A replica repeats every deletion and every change of an item, so both
 * Regions have point-in-time recovery.
 *
 * The parameter `Protected` turns deletion protection on, in both Regions. A protected table cannot be deleted, so a
 * failed first deployment could not be repeated. So the operator turns it on as the last step. CloudFormation keeps
 * the value of a parameter, so a later deployment does not turn it off.
 */
export class BackupTable extends Construct implements RegionalTable {
  readonly tableName: string;
  readonly tableArn: string;
  readonly keyArn: string;

  constructor(scope: Construct, id: string, { settings, replicaKeyArn }: BackupTableProps) {
    super(scope, id);
    const { name, secondaryRegion } = settings;
    const key = new TableKey(this, 'Key', settings);
    const recovery = { pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true } };
    const table = new dynamodb.TableV2(this, 'Table', {
      tableName: name,
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      billing: dynamodb.Billing.onDemand(),
      encryption: dynamodb.TableEncryptionV2.customerManagedKey(key, { [secondaryRegion]: replicaKeyArn }),
      // The items of restores have this attribute. A global table has one TTL for all its replicas.
      timeToLiveAttribute: 'expiresAt',
      replicas: [{ region: secondaryRegion, ...recovery }],
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      ...recovery,
    });
    // The alias of the key must not fail after the table exists.
    table.node.addDependency(key);
    protectOnRequest(table, settings);
    this.tableName = name;
    this.tableArn = table.tableArn;
    this.keyArn = key.keyArn;
  }
}

/**
 * Lets the parameter `Protected` of the stack decide on deletion protection in both Regions, and on the policy that
 * {@link tablePolicy} describes. CloudFormation cannot make a replica and put its policy in one step.
 */
function protectOnRequest(table: dynamodb.TableV2, { name, breakGlassRole }: Settings): void {
  const stack = Stack.of(table);
  const isProtected = new CfnParameter(stack, 'Protected', {
    description: 'ON: no call can delete the table or its replica. Turn it on after the first deployment.',
    allowedValues: ['ON', 'OFF'],
    default: 'OFF',
  });
  const condition = new CfnCondition(stack, 'IsProtected', {
    expression: Fn.conditionEquals(isProtected.valueAsString, 'ON'),
  });
  const resource = table.node.defaultChild as dynamodb.CfnGlobalTable;
  const setIfProtected = (replica: number, property: string, value: unknown, otherwise: unknown) =>
    resource.addPropertyOverride(`Replicas.${replica}.${property}`, Fn.conditionIf(condition.logicalId, value, otherwise));
  const { replicas } = stack.resolve({ replicas: resource.replicas }) as { replicas: { region: string }[] };
  // The properties of the construct take no condition.
  replicas.forEach(({ region }, replica) => {
    setIfProtected(replica, 'DeletionProtectionEnabled', true, false);
    if (breakGlassRole !== undefined) {
      const PolicyDocument = tablePolicy(stack, { name, region, breakGlassRole });
      setIfProtected(replica, 'ResourcePolicy', { PolicyDocument }, Fn.ref('AWS::NoValue'));
    }
  });
  if (breakGlassRole === undefined) {
    Annotations.of(table).addWarningV2(
      'cognito-backup:no-break-glass-role',
      'BreakGlassRole is not set, so the table has no policy. An administrator can turn deletion protection off and delete it.',
    );
  }
}
