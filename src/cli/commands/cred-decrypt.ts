/** `extsign cred decrypt IN [OUT]`. */

import { basename } from 'node:path'
import { toBase64 } from '../../bytes/base64.ts'
import { decodeUtf8 } from '../../bytes/utf8.ts'
import { acceptsNull, readFirmwareState } from '../../credentials/firmware.ts'
import { type OpenedCredential, openCredential } from '../../credentials/open.ts'
import { toMicroseconds } from '../../credentials/time.ts'
import { TRANSCODINGS, transcode, withNewline } from '../../credentials/transcode.ts'
import { FileError } from '../../errors.ts'
import {
  type CredentialSetting,
  parseCredentialFile,
} from '../../formats/credential/credential-file.ts'
import { hasCredentialSuffix, nameOfFile } from '../../formats/credential/name.ts'
import { flag, option, optionalPositional, positional, type ValuesOf } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { type Context, environmentVariable } from '../context.ts'
import { nameOfInput, readCredentialFile, STANDARD, writePrivate } from '../credential/files.ts'
import { hostSecretOption, hostSecretPath, loadHostSecret } from '../credential/keys.ts'
import { pickCredential } from '../credential/pick.ts'
import { rateRefusal, timesToText } from '../credential/report.ts'
import { resolveScope, scopeOptions } from '../credential/scope.ts'
import { openDevice, readSignatures, tpmOpeningOptions } from '../credential/tpm.ts'
import { ExitCode, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { printable } from '../terminal.ts'
import { choice, file, named, text } from '../types.ts'

const decryptArguments = {
  input: positional({
    type: named('IN', file),
    description: 'the credential, or a unit with credentials in it; - for standard input',
  }),
  output: optionalPositional({
    type: named('OUT', file),
    replaces: [],
    description: 'the file to write; by default standard output',
  }),
  name: option({
    long: 'name',
    type: text('NAME'),
    acceptsEmpty: true,
    description: 'the name it has to have, or that of the one in a unit; --name= takes any',
  }),
  ...hostSecretOption,
  ...tpmOpeningOptions,
  allowNull: flag({ long: 'allow-null', description: 'open one with a null key in any case' }),
  refuseNull: flag({ long: 'refuse-null', description: 'refuse one with a null key in any case' }),
  transcode: option({
    long: 'transcode',
    type: choice(TRANSCODINGS),
    description: 'encode the secret, or decode it, before it is written',
  }),
  newline: option({
    long: 'newline',
    type: choice(['auto', 'yes', 'no']),
    description: 'add a newline where none is at the end; by default auto: on a terminal',
  }),
  ...scopeOptions,
  force: flag({ long: 'force', short: 'f', description: 'replace an existing output' }),
  json: flag({
    long: 'json',
    description: 'print what it says of itself, and the secret, as JSON',
  }),
}

export const credDecrypt = defineCommand({
  name: 'cred decrypt',
  description:
    'Opens an encrypted credential and writes its secret to standard output, or to a new file of mode 0600. Without --name the name inside has to be that of the file, or the one that the unit gives it. Of a unit with several credentials --name says which.\n\nEnds with 3 when the credential must not be opened here: damaged, for another machine, in another state of it, under another name, or expired.',
  arguments: decryptArguments,
  examples: [
    'extsign cred decrypt db-password.cred --host-secret web1.secret',
    'extsign cred decrypt --name= sealed.txt secret.txt',
  ],
  files: (values, context) => ({ reads: [hostSecretPath(values, context)] }),
  async run(values, context) {
    const { input, json, force } = values
    if (values.allowNull && values.refuseNull) {
      throw new UsageError('--allow-null and --refuse-null exclude each other')
    }
    const output = values.output === STANDARD ? undefined : values.output
    const opened = await open(values, context).catch((error) =>
      rateRefusal(nameOfInput(input), error, context),
    )
    if (typeof opened === 'number') return opened
    const forms = [opened.secret]
    try {
      const coded = transcode(opened.secret, values.transcode)
      forms.push(coded)
      const secret = needsNewline(values.newline, output, context) ? withNewline(coded) : coded
      forms.push(secret)
      if (output !== undefined) await writePrivate(output, secret, force)
      else if (!json) await deliver(showable(secret, context), context)
      if (json) {
        const { type, name, timestamp, notAfter } = opened
        const shown = output === undefined ? toBase64(secret) : undefined
        const report = { input, output, type: type.name, name, timestamp, notAfter, secret: shown }
        await deliver(formatJson(timesToText(report)), context)
      }
    } finally {
      for (const form of forms) form.fill(0)
    }
    return ExitCode.done
  },
})

type Values = ValuesOf<typeof decryptArguments>

async function open(values: Values, context: Context): Promise<OpenedCredential> {
  const scope = await resolveScope(values)
  const { input, name } = values
  const file = parseCredentialFile(await readCredentialFile(input, context), input)
  const { bytes, setting } = pickCredential(file, nameOfInput(input), name)
  const checksTime = environmentVariable(context, 'SYSTEMD_CREDENTIAL_VALIDATE_NOT_AFTER') !== '0'
  let forget = () => {}
  try {
    return await openCredential({
      credential: bytes,
      names: acceptedNames(values, setting),
      now: checksTime ? toMicroseconds(context.now()) : undefined,
      acceptNull:
        values.allowNull || (!values.refuseNull && acceptsNull(await readFirmwareState())),
      scope,
      host: async () => {
        const loaded = await loadHostSecret(values, scope, context)
        forget = loaded.forget
        return loaded.secret
      },
      tpm: async (headers) => {
        const { unsealTpmPart } = await import('../../credentials/tpm-part.ts')
        const tpm = await openDevice(values.tpmDevice)
        try {
          return await unsealTpmPart(headers, tpm, () => readSignatures(values.tpmSignature))
        } finally {
          await tpm.close()
        }
      },
    })
  } finally {
    forget()
  }
}

/** As systemd takes the file's name or that of the unit, and as a boot loader shortens it. */
function acceptedNames(
  { name, input }: Values,
  setting: CredentialSetting | undefined,
): string[] | undefined {
  if (name !== undefined) return name === '' ? undefined : [name]
  if (setting?.unitName !== undefined) return [setting.unitName]
  if (setting !== undefined) {
    const place = `${nameOfInput(input)} line ${setting.line}`
    throw new UsageError(`${place}: the name '${setting.written}' depends on the unit`, {
      hint: 'say with --name what it is there',
    })
  }
  if (input === STANDARD) return undefined
  const base = basename(input)
  return hasCredentialSuffix(base) ? [nameOfFile(base), base] : [base]
}

function needsNewline(
  newline: 'auto' | 'yes' | 'no' | undefined,
  output: string | undefined,
  { stdout }: Context,
): boolean {
  return newline === 'yes' || (newline !== 'no' && output === undefined && stdout.isTerminal)
}

/** A terminal would take control characters in a secret for commands. */
function showable(secret: Uint8Array, { stdout }: Context): Uint8Array {
  const shown = stdout.isTerminal ? decodeUtf8(secret) : ''
  if (shown === undefined || printable(shown, '\n\t') !== shown) {
    throw new UsageError('the secret is binary, and standard output is a terminal', {
      hint: '--transcode=hex shows it, OUT names a file for it',
    })
  }
  return secret
}

/** A secret of which a part is missing is none. @throws FileError IO */
async function deliver(content: string | Uint8Array, { stdout }: Context): Promise<void> {
  if (await stdout.deliver(content)) return
  throw new FileError('IO', 'standard output was closed before all of the secret was taken')
}
