import { Stack, StackProps } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { Alarms } from './alarms.construct';
import { Settings } from './settings';

/** The stack of the alarms in the Region of the replica. Nothing depends on it. */
export class SecondaryWatchStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, { ...props, description: `${settings.name}: alarms of imports from the replica` });
    new Alarms(this, 'Alarms', settings).addRunAlarms('import');
  }
}
