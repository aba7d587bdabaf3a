/** The calls of a deployment to AWS, beside those of the CDK. */

import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { SSMClient, paginateGetParametersByPath } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

import { SETTINGS_PATH, settingsParameterName } from '../lib/names';
import type { RecordedSettings } from './comparison';

// The SDK is pinned, so its warning that later versions need a newer Node.js asks nothing of the operator.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

/** What a deployment asks of AWS. */
export interface Cloud {
  /** The id of the account of the credentials. */
  account(region: string): Promise<string>;
  /** The settings that deployments of a Region have recorded, by the names of the deployments. */
  recordedSettings(region: string): Promise<ReadonlyMap<string, RecordedSettings>>;
  /** The status of a stack, such as `CREATE_COMPLETE`. Undefined if it does not exist. */
  stackStatus(region: string, stack: string): Promise<string | undefined>;
}

/** AWS. Credentials and endpoints come from the standard variables and files of the AWS SDKs. */
export class Aws implements Cloud {
  async account(region: string): Promise<string> {
    const { Account } = await new STSClient({ region }).send(new GetCallerIdentityCommand({}));
    return Account ?? 'unknown';
  }

  async recordedSettings(region: string): Promise<ReadonlyMap<string, RecordedSettings>> {
    const pages = paginateGetParametersByPath({ client: new SSMClient({ region }) }, { Path: SETTINGS_PATH, Recursive: true });
    const found = new Map<string, RecordedSettings>();
    for await (const { Parameters: parameters = [] } of pages) {
      for (const { Name: path = '', Value: value = '' } of parameters) {
        const name = path.split('/')[2] ?? '';
        if (path === settingsParameterName(name)) {
          found.set(name, recorded(path, value));
        }
      }
    }
    return found;
  }

  async stackStatus(region: string, stack: string): Promise<string | undefined> {
    return (await describe(new CloudFormationClient({ region }), stack))?.StackStatus;
  }
}

async function describe(client: CloudFormationClient, stack: string): Promise<Stack | undefined> {
  try {
    const { Stacks: stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stack }));
    return stacks[0];
  } catch (error) {
    // CloudFormation has no error of its own for this case.
    if (error instanceof Error && error.name === 'ValidationError' && error.message.includes('does not exist')) {
      return undefined;
    }
    throw error;
  }
}

function recorded(path: string, value: string): RecordedSettings {
  try {
    return JSON.parse(value);
  } catch {
    throw new Error(`The parameter ${path} is not the record of a deployment. Delete it if nothing uses it, and deploy again.`);
  }
}
