import { Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { Alarms } from './alarms.construct';
import { Dashboard } from './dashboard.construct';
import { Guard, warnWithoutTrail } from './guard.construct';
import { Settings, copiedPools } from './settings';
import { StorageStack } from './storage.stack';

/** The stack of the alarms in the Region of the pools, and of the dashboard. Nothing depends on it. */
export class WatchStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, storage: StorageStack, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: alarms and dashboard of the backup of Cognito user pools` });
    const alarms = new Alarms(this, 'Alarms', settings);
    if (settings.userPoolIds.length > 0) {
      alarms.addRunAlarms('export');
      alarms.addScheduledExportsAlarms();
      alarms.addSnapshotAgeAlarms();
      alarms.addExportMetricAlarms();
      alarms.addLostEventsAlarm('export');
    }
    if (settings.copyFrom !== undefined) {
      alarms.addCopyAlarms(copiedPools(settings));
    }
    if (settings.userPoolIds.length + copiedPools(settings).length > 0 && settings.snapshotRetention !== undefined) {
      alarms.addRemovalAlarms();
    }
    alarms.addRunAlarms('import');
    alarms.addLostEventsAlarm('import');
    alarms.addJobLogsAlarm();
    if (settings.secondaryRegion !== undefined) {
      alarms.addReplicationAlarm(settings.secondaryRegion);
    }
    new Guard(this, 'Guard', { settings, keyArns: storage.keyArns, userPoolIds: settings.userPoolIds });
    warnWithoutTrail(this, settings);
    new Dashboard(this, 'Dashboard', { settings, alarms });
  }
}
