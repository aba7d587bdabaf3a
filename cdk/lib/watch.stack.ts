import { Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { Alarms } from './alarms.construct';
import { Dashboard } from './dashboard.construct';
import { Settings } from './settings';

/** The stack of the alarms in the Region of the pools, and of the dashboard. Nothing depends on it. */
export class WatchStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: alarms and dashboard of the backup of Cognito user pools` });
    const alarms = new Alarms(this, 'Alarms', settings);
    if (settings.userPoolIds.length > 0) {
      alarms.addRunAlarms('export');
      alarms.addDeadLetterAlarm();
      alarms.addSnapshotAgeAlarms();
      alarms.addExportMetricAlarms();
    }
    alarms.addRunAlarms('import');
    new Dashboard(this, 'Dashboard', { settings, alarms });
  }
}
