/** `extsign trust auth VARIABLE CERT…`. */

import { writeOutput } from '../../files/output.ts'
import { SECURE_BOOT_VARIABLES, type SecureBootVariable } from '../../formats/efi-variable/index.ts'
import { findFirmwareWarnings } from '../../trust/enrollment.ts'
import { signVariable } from '../../trust/uefi-variable.ts'
import { flag, option, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { ExitCode, printWarnings, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { loadLists, signatureListOptions } from '../signature-list-options.ts'
import { loadSigner } from '../signer.ts'
import { signerOptions } from '../signer-options.ts'
import { signingTime, timestampOption } from '../signing-time.ts'
import { printable } from '../terminal.ts'
import { choice, file } from '../types.ts'

const VARIABLES = Object.keys(SECURE_BOOT_VARIABLES) as SecureBootVariable[]

export const trustAuth = defineCommand({
  name: 'trust auth',
  description:
    'Signs a new value of PK, KEK, db or dbx, or with --add more of it, so that firmware with Secure Boot takes it: PK and KEK are signed with the platform key, db and dbx with a key exchange key.',
  arguments: {
    variable: positional({ type: choice(VARIABLES), description: 'the variable of the firmware' }),
    ...signatureListOptions,
    add: flag({ long: 'add', description: 'add to what is there instead of replacing it' }),
    ...timestampOption,
    ...signerOptions,
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
  examples: [
    'extsign trust auth db keys/release.crt --private-key keys/KEK.key --certificate keys/KEK.crt --timestamp now -o db.auth',
    'extsign trust auth dbx --sha256 HEX --add --private-key keys/KEK.key --certificate keys/KEK.crt --timestamp now -o dbx.auth',
  ],
  async run(values, context) {
    const { variable, add: append, output, force, json } = values
    if (output === undefined) throw new UsageError('--output is missing')
    const time = signingTime(values.timestamp, context)
    const { bytes: data, entries, warnings } = await loadLists(values)
    const loaded = await loadSigner(values, context)
    const { certificate } = loaded.signer
    const signed = await signVariable(
      { variable, data, time, append },
      { signer: loaded.signer, certificate: certificate.der },
    ).finally(() => loaded.signer.forget())
    const all = [
      ...loaded.warnings,
      ...findFirmwareWarnings([certificate.der]),
      ...(variable === 'db' ? warnings : []),
    ]
    printWarnings(all, context.stderr)
    await writeOutput(output, signed, { force })
    const result = { output, variable, append, time, entries, size: signed.length, warnings: all }
    context.stdout.write(json ? formatJson(result) : formatResult(result))
    return ExitCode.done
  },
})

function formatResult(result: {
  readonly output: string
  readonly variable: string
  readonly append: boolean
  readonly time: Date
  readonly entries: number
}): string {
  const { output, variable, append, time, entries } = result
  const count = `${entries} ${entries === 1 ? 'entry' : 'entries'}`
  const what = append ? `adds ${count} to ${variable}` : `sets ${variable} to ${count}`
  return `${printable(output)}: ${what}, as of ${time.toISOString().replace('.000Z', 'Z')}\n`
}
