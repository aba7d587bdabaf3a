/** The code of the functions, in a bucket that the operator names. */

import { Code, type CodeConfig } from 'aws-cdk-lib/aws-lambda';

import { type Executable, FunctionCode } from '../function-code';
import { STAND_IN_ARTIFACTS } from './parameters';

/** The file name of each archive. The name has a digest of the archive, because Lambda loads code only from a new place. */
export type Archives = Readonly<Record<Executable, string>>;

/** Names the archives of a release, instead of reading the functions that were built here. */
export class ReleasedCode extends FunctionCode {
  constructor(private readonly archives: Archives) {
    super('PLACEHOLDER', 'x86_64');
  }

  override of(executable: Executable): Code {
    return new CodeInBucket(STAND_IN_ARTIFACTS.bucket, STAND_IN_ARTIFACTS.prefix + this.archives[executable]);
  }
}

/** An object in a bucket that is no construct of the app. */
class CodeInBucket extends Code {
  constructor(
    private readonly bucketName: string,
    private readonly objectKey: string,
  ) {
    super();
  }

  override bind(): CodeConfig {
    return { s3Location: { bucketName: this.bucketName, objectKey: this.objectKey } };
  }
}
