import { Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { Alarms } from './alarms.construct';
import { Guard } from './guard.construct';
import { SecondaryKeyStack } from './secondary-key.stack';
import { Settings } from './settings';

/** The stack of the alarms in the Region of the replica. Nothing depends on it. */
export class SecondaryWatchStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, { key }: SecondaryKeyStack, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: alarms of the replica, and of imports from it` });
    const alarms = new Alarms(this, 'Alarms', settings);
    alarms.addRunAlarms('import');
    alarms.addLostEventsAlarm('import');
    alarms.addJobLogsAlarm();
    alarms.addReplicaAgeAlarms();
    alarms.addReplicationAlarm(settings.primaryRegion);
    new Guard(this, 'Guard', { settings, keyArns: [key.keyArn], userPoolIds: [] });
  }
}
