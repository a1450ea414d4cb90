/** `extsign cred rekey FROM TO`. */

import { join } from 'node:path'
import { type OpenedCredential, openCredential } from '../../credentials/open.ts'
import { CredentialError } from '../../errors.ts'
import { readSmallFile } from '../../files/text.ts'
import { listFiles, writeWholeFolder } from '../../files/whole-folder.ts'
import {
  findCredentials,
  type HeldCredential,
  replaceCredentials,
  sayNone,
} from '../../formats/credential/credential-file.ts'
import { decodeCredential } from '../../formats/credential/decode.ts'
import type { Scope } from '../../formats/credential/keys.ts'
import { MAX_TEXT } from '../../formats/credential/layout.ts'
import type { Microseconds } from '../../formats/credential/metadata.ts'
import { flag, positional, type ValuesOf } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { type OldKeys, oldKeyOptions, oldKeys } from '../credential/old-keys.ts'
import { type SealedReport, timesToText } from '../credential/report.ts'
import { type SealedRequest, sealRequest, targetOptions } from '../credential/request.ts'
import { resolveScope } from '../credential/scope.ts'
import { type SealingKeysLoader, sharedSealingKeys } from '../credential/sealing.ts'
import { ExitCode, inFile, printWarnings, UsageError } from '../errors.ts'
import { turning } from '../event-loop.ts'
import { formatJson } from '../json.ts'
import { directory, named } from '../types.ts'

const rekeyArguments = {
  from: positional({
    type: named('FROM', directory),
    description: 'a folder of credentials, or of units with them; nothing in it is changed',
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
    'Opens every credential of a folder with the old keys and seals it with the new ones into a new folder, under its own file name, with the name and the times that it has inside. Of unit files and drop-ins only the credentials change. Hidden files and folders are left out. The new folder appears when all are in it, or not at all; the old one is only read.',
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
    const turn = turning()
    const sealed: Sealed[] = []
    try {
      await writeWholeFolder(to, async (write) => {
        for (const name of names) {
          await turn()
          interrupted.throwIfAborted()
          const tools = { old, load: keys.load, context }
          const done = await rekeyFile(join(from, name), join(to, name), values, tools)
          await write(name, done.content)
          for (const each of done.sealed) sealed.push(each)
          if (done.warning !== undefined) printWarnings([done.warning], context.stderr)
        }
      })
    } finally {
      await old.forget()
      await keys.forget()
    }
    const reports = sealed.map(({ report, ...rest }) => ({ ...timesToText(report), ...rest }))
    for (const { output, warnings } of reports) {
      printWarnings(
        warnings.map((warning) => `${output}: ${warning}`),
        context.stderr,
      )
    }
    if (json) context.stdout.write(formatJson(reports))
    else if (!quiet) {
      const count = `${sealed.length} ${sealed.length === 1 ? 'credential' : 'credentials'}`
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

interface Sealed {
  readonly report: SealedReport
  /** Where in a unit it is, and what it is called there. */
  readonly line?: number
  readonly unitName?: string
  readonly warnings: readonly string[]
}

/** The content of a file with all of its credentials sealed anew. */
async function rekeyFile(path: string, output: string, values: Values, tools: Tools) {
  try {
    const content = await readSmallFile(path, { maximum: MAX_TEXT })
    const file = findCredentials(content, path)
    if (file.credentials.length === 0) {
      return { content, sealed: [], warning: `${path}: ${sayNone(file)}; it is copied as it is` }
    }
    const replaced = new Map<HeldCredential, Uint8Array>()
    const sealed: Sealed[] = []
    for (const held of file.credentials) {
      const done = await rekey(held, path, output, values, tools)
      replaced.set(held, done.credential)
      const { setting } = held
      sealed.push({
        report: await done.report(),
        ...(setting && { line: setting.line, unitName: setting.unitName ?? setting.written }),
        warnings: [...done.warnings, ...(sealed.length === 0 ? file.notes : [])],
      })
    }
    return { content: replaceCredentials(file, replaced), sealed, warning: undefined }
  } catch (error) {
    throw about(path, error)
  }
}

async function rekey(
  held: HeldCredential,
  path: string,
  output: string,
  values: Values,
  { old, load, context }: Tools,
): Promise<SealedRequest> {
  let secret: Uint8Array | undefined
  try {
    const opened = await open(held.bytes, values, old)
    secret = opened.secret
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
    const sealed = await sealRequest(request, async () => opened.secret, context, load)
    return { ...sealed, warnings: [...sealed.warnings, ...otherName(held, opened)] }
  } catch (error) {
    if (!(error instanceof CredentialError) || held.setting === undefined) throw error
    const { code, message, hint } = error
    throw new CredentialError(code, `line ${held.setting.line}: ${message}`, { hint, cause: error })
  } finally {
    secret?.fill(0)
  }
}

/** What keeps systemd from using it; its name is not ours to change. */
function otherName({ setting }: HeldCredential, { name }: OpenedCredential): string[] {
  const unitName = setting?.unitName
  if (unitName === undefined || name === undefined || unitName === name) return []
  return [
    `line ${setting?.line}: it is called '${name}' inside and '${unitName}' in the unit: systemd refuses it`,
  ]
}

/** The credential, whether expired or not: it is not used here. */
async function open(
  credential: Uint8Array,
  values: Values,
  old: OldKeys,
): Promise<OpenedCredential> {
  const { scoped } = decodeCredential(credential).headers.type
  const scope = scoped ? await oldScope(values, old) : undefined
  return openCredential({
    credential,
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

/** Whole seconds that a text may say; the last moments are some more microseconds. */
const MAX_SECONDS = 18_446_744_073_708n

/** As `parseTime` reads it, to the microsecond, up to the last of them. */
function timeText(time: Microseconds | undefined): string | undefined {
  if (time === undefined) return undefined
  const wanted = time / 1_000_000n
  const seconds = wanted < MAX_SECONDS ? wanted : MAX_SECONDS
  return `@${seconds}s ${time - seconds * 1_000_000n}us`
}

/** Which of the many it is. */
function about(path: string, error: unknown): unknown {
  if (!(error instanceof CredentialError)) return inFile(path, error)
  const { code, message, hint } = error
  return new CredentialError(code, `${path}: ${message}`, { hint, cause: error })
}
