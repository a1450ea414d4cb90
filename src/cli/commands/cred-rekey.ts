/** `extsign cred rekey FROM TO`. */

import { join } from 'node:path'
import { type OpenedCredential, openCredential } from '../../credentials/open.ts'
import { CredentialError } from '../../errors.ts'
import { readSmallFile } from '../../files/text.ts'
import { listFiles, writeWholeFolder } from '../../files/whole-folder.ts'
import { decodeCredential } from '../../formats/credential/decode.ts'
import type { Scope } from '../../formats/credential/keys.ts'
import { MAX_TEXT } from '../../formats/credential/layout.ts'
import type { Microseconds } from '../../formats/credential/metadata.ts'
import { parseCredentialText } from '../../formats/credential/text.ts'
import { flag, positional, type ValuesOf } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { type OldKeys, oldKeyOptions, oldKeys } from '../credential/old-keys.ts'
import { type SealedReport, timesToText } from '../credential/report.ts'
import { type SealedRequest, sealRequest, targetOptions } from '../credential/request.ts'
import { resolveScope } from '../credential/scope.ts'
import { type SealingKeysLoader, sharedSealingKeys } from '../credential/sealing.ts'
import { ExitCode, inFile, printWarnings, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { directory, named } from '../types.ts'

const rekeyArguments = {
  from: positional({
    type: named('FROM', directory),
    description: 'a folder of credentials; nothing in it is changed',
  }),
  to: positional({ type: named('TO', directory), description: 'the folder to make' }),
  ...oldKeyOptions,
  ...targetOptions,
  json: flag({ long: 'json', description: 'print the result as JSON' }),
  quiet: flag({ long: 'quiet', short: 'q', description: 'print no result' }),
}

export const credRekey = defineCommand({
  name: 'cred rekey',
  description:
    'Opens every credential of a folder with the old keys and seals it with the new ones into a new folder, under its own file name, with the name and the times that it has inside. Hidden files and folders are left out. The new folder appears when all are in it, or not at all; the old one is only read.',
  arguments: rekeyArguments,
  examples: [
    'extsign cred rekey sealed/web1 sealed/web1-new --old-host-secret old.secret --host-secret new.secret',
    'extsign cred rekey credstore.encrypted for-web2 --tpm2-device-key web2.srk',
  ],
  async run(values, context) {
    const { from, to, json, quiet } = values
    const names = await listFiles(from)
    if (names.length === 0) throw new UsageError(`${from} has no credentials`)
    const old = oldKeys(values, context)
    const keys = sharedSealingKeys()
    const interrupted = context.interrupts()
    const sealed: { readonly report: SealedReport; readonly warnings: readonly string[] }[] = []
    try {
      await writeWholeFolder(to, async (write) => {
        for (const name of names) {
          interrupted.throwIfAborted()
          const output = join(to, name)
          const done = await rekey(join(from, name), output, values, {
            old,
            load: keys.load,
            context,
          })
          await write(name, done.text)
          sealed.push({ report: await done.report(), warnings: done.warnings })
        }
      })
    } finally {
      await old.forget()
      await keys.forget()
    }
    const reports = sealed.map(({ report, warnings }) => ({ ...timesToText(report), warnings }))
    for (const { output, warnings } of reports) {
      printWarnings(
        warnings.map((warning) => `${output}: ${warning}`),
        context.stderr,
      )
    }
    if (json) context.stdout.write(formatJson(reports))
    else if (!quiet) {
      const count = `${names.length} ${names.length === 1 ? 'credential' : 'credentials'}`
      context.stdout.write(`${count} sealed into ${to}\n`)
    }
    return ExitCode.done
  },
})

type Values = ValuesOf<typeof rekeyArguments>

interface Tools {
  readonly old: OldKeys
  readonly load: SealingKeysLoader
  readonly context: Context
}

async function rekey(
  path: string,
  output: string,
  values: Values,
  { old, load, context }: Tools,
): Promise<SealedRequest> {
  try {
    const opened = await open(path, values, old)
    const ofUser = opened.type.scoped ? {} : { uid: undefined, user: false, userName: undefined }
    const request = {
      ...values,
      ...ofUser,
      input: path,
      output,
      name: opened.name ?? '',
      timestamp: timeText(opened.timestamp) ?? '',
      notAfter: timeText(opened.notAfter),
      pretty: false,
    }
    return await sealRequest(request, async () => opened.secret, context, load)
  } catch (error) {
    throw about(path, error)
  }
}

/** The credential, whether expired or not: it is not used here. */
async function open(path: string, values: Values, old: OldKeys): Promise<OpenedCredential> {
  const { bytes } = parseCredentialText(await readSmallFile(path, { maximum: MAX_TEXT }))
  const { scoped } = decodeCredential(bytes).headers.type
  const scope = scoped ? await oldScope(values, old) : undefined
  return openCredential({
    credential: bytes,
    acceptNull: values.allowNull,
    scope,
    host: () => old.host(scope),
    tpm: old.tpm,
  })
}

async function oldScope(values: Values, old: OldKeys): Promise<Scope | undefined> {
  const scope = await resolveScope(values)
  const machineId = await old.machineId()
  return scope && machineId && { ...scope, machineId }
}

/** As `parseTime` reads it, to the microsecond. */
function timeText(time: Microseconds | undefined): string | undefined {
  if (time === undefined) return undefined
  return `@${time / 1_000_000n}.${`${time % 1_000_000n}`.padStart(6, '0')}`
}

/** Which of the many it is. */
function about(path: string, error: unknown): unknown {
  if (!(error instanceof CredentialError)) return inFile(path, error)
  const { code, message, hint } = error
  return new CredentialError(code, `${path}: ${message}`, { hint, cause: error })
}
