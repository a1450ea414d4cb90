/** `extsign trust enroll DIR CERT…`. */

import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { toFileError } from '../../files/errno.ts'
import { writeWholeFolder } from '../../files/whole-folder.ts'
import { type Enrollment, makeEnrollment } from '../../trust/enrollment.ts'
import { flag, option, positional, positionals, type ValuesOf } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { ExitCode, printWarnings, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { loadCertificates, ownerOption } from '../signature-list-options.ts'
import { loadSigner } from '../signer.ts'
import { signerOptions } from '../signer-options.ts'
import { signingTime, timestampOption } from '../signing-time.ts'
import { printable } from '../terminal.ts'
import { directory, file, named } from '../types.ts'

const GROUP = 'Key exchange key'

export const trustEnroll = defineCommand({
  name: 'trust enroll',
  description:
    'Makes a folder with PK.auth, KEK.auth and db.auth, signed and ready for firmware in setup mode, and the lists in them as .esl. Below loader/keys of the ESP systemd-boot offers the folder in its menu, and enrolls the one called auto by itself where secure-boot-enroll in loader.conf allows it.\n\n--private-key is the platform key, which owns the machine; the CERTs go into db. The folder appears when everything is in it.',
  arguments: {
    folder: positional({ type: directory, description: 'the folder to make' }),
    certificates: positionals({
      type: named('CERT', file),
      description: 'certificates for db, PEM or DER, one in each file',
    }),
    ...timestampOption,
    ...ownerOption,
    ...signerOptions,
    kekPrivateKey: option({
      long: 'kek-private-key',
      group: GROUP,
      type: file,
      description: 'the key that signs db; by default the platform key',
    }),
    kekCertificate: option({
      long: 'kek-certificate',
      group: GROUP,
      type: file,
      description: 'its certificate',
    }),
    kekPassphraseFile: option({
      long: 'kek-passphrase-file',
      group: GROUP,
      type: file,
      description: 'a file with its passphrase',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: [
    'extsign trust enroll esp/loader/keys/auto keys/db.crt keys/release.crt --private-key keys/PK.key --certificate keys/PK.crt --kek-private-key keys/KEK.key --kek-certificate keys/KEK.crt --timestamp now',
  ],
  async run(values, context) {
    const { folder, owner, json } = values
    // Another source may keep the process waiting.
    if ((values.privateKeySource ?? 'file') === 'file') context.saysEnd()
    const time = signingTime(values.timestamp, context)
    const db = await loadCertificates(values.certificates)
    const { enrollment, warnings } = await sign({ ...values, time, db, owner }, context)
    printWarnings(warnings, context.stderr)
    const files = await writeFolder(folder, enrollment)
    const lines = enrollment.variables.map(
      ({ variable, signed }) =>
        `${printable(join(folder, `${variable}.auth`))}: ${variable}, ${signed.length} bytes\n`,
    )
    context.stdout.write(json ? formatJson({ folder, files, time, warnings }) : lines.join(''))
    return ExitCode.done
  },
})

interface Request extends ValuesOf<typeof signerOptions> {
  readonly time: Date
  readonly db: readonly Uint8Array[]
  readonly owner: string | undefined
  readonly kekPrivateKey: string | undefined
  readonly kekCertificate: string | undefined
  readonly kekPassphraseFile: string | undefined
}

async function sign(
  request: Request,
  context: Context,
): Promise<{ readonly enrollment: Enrollment; readonly warnings: readonly string[] }> {
  const { time, db, owner } = request
  const exchangeValues = exchangeKeyOf(request)
  const platform = await loadSigner(request, context)
  const opened = [platform]
  try {
    const exchange = exchangeValues ? await loadSigner(exchangeValues, context) : platform
    opened.push(exchange)
    const [platformKey, exchangeKey] = [platform, exchange].map(({ signer }) => ({
      signer,
      certificate: signer.certificate.der,
    }))
    const enrollment = await makeEnrollment({
      platformKey: platformKey!,
      exchangeKey: exchangeKey!,
      db,
      time,
      owner,
    })
    const all = [...platform.warnings, ...exchange.warnings, ...enrollment.warnings]
    return { enrollment, warnings: [...new Set(all)] }
  } finally {
    for (const { signer } of opened) signer.forget()
  }
}

/** The key exchange key is where the platform key is, unless there is one key for both. */
function exchangeKeyOf(request: Request): ValuesOf<typeof signerOptions> | undefined {
  const { kekPrivateKey: privateKey, kekCertificate: certificate } = request
  const passphraseFile = request.kekPassphraseFile
  if (!privateKey && !certificate && !passphraseFile) return undefined
  if (privateKey === undefined || certificate === undefined) {
    throw new UsageError('--kek-private-key and --kek-certificate are given both or not at all')
  }
  const { privateKeySource, signingTimeout } = request
  return { privateKey, certificate, passphraseFile, privateKeySource, signingTimeout }
}

async function writeFolder(folder: string, { variables }: Enrollment): Promise<readonly string[]> {
  const files: string[] = []
  await mkdir(dirname(folder), { recursive: true, mode: 0o755 }).catch((error) => {
    throw toFileError(error, { path: folder, verb: 'write' })
  })
  const options = { mode: 0o755, fileMode: 0o644, sync: true }
  await writeWholeFolder(
    folder,
    async (write) => {
      for (const { variable, list, signed } of variables) {
        await write(`${variable}.esl`, list)
        await write(`${variable}.auth`, signed)
        files.push(join(folder, `${variable}.esl`), join(folder, `${variable}.auth`))
      }
    },
    options,
  )
  return files
}
