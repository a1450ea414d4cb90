/** `extsign cred encrypt IN OUT`. */

import { flag, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { readSecret, STANDARD, writePrivate } from '../credential/files.ts'
import { hostSecretPath } from '../credential/keys.ts'
import { formatSealed, timesToText } from '../credential/report.ts'
import { requestOptions, sealRequest } from '../credential/request.ts'
import { ExitCode, printWarnings } from '../errors.ts'
import { formatJson } from '../json.ts'
import { file, named } from '../types.ts'

export const credEncrypt = defineCommand({
  name: 'cred encrypt',
  description:
    'Seals a secret into an encrypted credential, as systemd-creds does on the machine itself: with the secret of the host, with its TPM, with both, or with a null key, which hides nothing. For another machine, give its host secret or a public storage key of its TPM: both work on any host.\n\nThe secret comes from a file or from standard input, never from the command line. The output has mode 0600 and is not replaced without --force.',
  arguments: {
    input: positional({
      type: named('IN', file),
      description: 'the secret, at most 1 MiB; - for standard input',
    }),
    output: positional({
      type: named('OUT', file),
      replaces: [],
      description: 'the file to write; - for standard output',
    }),
    ...requestOptions,
    force: flag({ long: 'force', short: 'f', description: 'replace an existing output' }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
    quiet: flag({ long: 'quiet', short: 'q', description: 'print no result' }),
  },
  examples: [
    'extsign cred encrypt db-password.txt db-password.cred --host-secret web1.secret',
    'extsign cred encrypt token.txt token.cred --tpm2-device-key web1.srk --tpm2-public-key pcr.pem',
    'pass show db | extsign cred encrypt --name=db-password -p - - >> app.service',
  ],
  files: (values, context) => ({ reads: [hostSecretPath(values, context)] }),
  async run(values, context) {
    const { input, json, quiet, force } = values
    const output = values.output === STANDARD ? undefined : values.output
    const read = () => readSecret(input, context)
    const { report, text, warnings } = await sealRequest(values, read, context)
    printWarnings(warnings, context.stderr)
    if (output !== undefined) await writePrivate(output, new TextEncoder().encode(text), force)
    else if (!json) context.stdout.write(text)
    if (json) {
      const credential = output === undefined ? text : undefined
      context.stdout.write(
        formatJson({ ...timesToText(await report()), output, warnings, credential }),
      )
    } else if (output !== undefined && !quiet) {
      context.stdout.write(formatSealed(await report(), context))
    }
    return ExitCode.done
  },
})
