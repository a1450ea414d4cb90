/** The options that `resign` and `attach` share: how an image gets a signature in its place. */

import { flag, option, options } from './arguments.ts'
import { threadsOption } from './build-options.ts'
import { file, uuid } from './types.ts'

const CHECKS = 'Checks'

export const sealingOptions = {
  oldCertificate: options({
    long: 'old-certificate',
    group: CHECKS,
    type: file,
    description:
      'the image must be signed by this certificate until now; by default by anybody or nobody',
  }),
  noVerifyData: flag({
    long: 'no-verify-data',
    group: CHECKS,
    description: 'do not hash the data before: it takes the same time for every size then',
  }),
  omitCertificate: flag({
    long: 'omit-certificate',
    group: 'Signing',
    description: 'leave the certificate out of the signature',
  }),
  seed: option({
    long: 'seed',
    type: uuid,
    description:
      'what the image was made with, if a signature partition is added; by default guessed',
  }),
  dryRun: flag({
    long: 'dry-run',
    description: 'say what would be done; nothing is signed or written',
  }),
  json: flag({ long: 'json', description: 'print the results as JSON' }),
  quiet: flag({ long: 'quiet', short: 'q', description: 'print neither results nor progress' }),
  ...threadsOption,
}
