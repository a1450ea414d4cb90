/** `extsign trust esl CERT…`. */

import { writeOutput } from '../../files/output.ts'
import { flag, option } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { ExitCode, printWarnings, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { loadLists, signatureListOptions } from '../signature-list-options.ts'
import { printable } from '../terminal.ts'
import { file } from '../types.ts'

export const trustEsl = defineCommand({
  name: 'trust esl',
  description:
    'Writes certificates and digests as signature lists, the form in which UEFI firmware keeps PK, KEK, db and dbx. The same input gives the same bytes. Firmware in setup mode takes lists as they are; one that has a platform key wants them signed, which extsign trust auth does.',
  arguments: {
    ...signatureListOptions,
    output: option({
      long: 'output',
      short: 'o',
      type: file,
      replaces: [],
      description: 'the file to write',
    }),
    force: flag({ long: 'force', short: 'f', description: 'replace an existing output' }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: ['extsign trust esl keys/release.crt -o db.esl'],
  async run(values, context) {
    const { output, force, json } = values
    if (output === undefined) throw new UsageError('--output is missing')
    const { bytes, entries, warnings } = await loadLists(values)
    printWarnings(warnings, context.stderr)
    await writeOutput(output, bytes, { force })
    const result = { output, size: bytes.length, entries, warnings }
    const count = `${entries} ${entries === 1 ? 'entry' : 'entries'}`
    const text = `${printable(output)}: signature lists, ${count}, ${bytes.length} bytes\n`
    context.stdout.write(json ? formatJson(result) : text)
    return ExitCode.done
  },
})
