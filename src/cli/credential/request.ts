/** One secret to be sealed: what the options of `extsign cred encrypt` say, judged and carried out. */

import { basename, dirname } from 'node:path'
import { findWarnings } from '../../credentials/catalog.ts'
import { assertMetadata, sealCredential } from '../../credentials/seal.ts'
import { assertReadableBy } from '../../credentials/target.ts'
import { LAST_TIME, parseTime, toMicroseconds } from '../../credentials/time.ts'
import type { Microseconds } from '../../formats/credential/metadata.ts'
import { hasCredentialSuffix, nameOfFile } from '../../formats/credential/name.ts'
import { formatCredential, formatUnitSetting, UNIT_WIDTH } from '../../formats/credential/text.ts'
import { flag, option, type ValuesOf } from '../arguments.ts'
import type { Context } from '../context.ts'
import { UsageError } from '../errors.ts'
import { sourceDateEpoch } from '../source-date-epoch.ts'
import { systemdVersion, text } from '../types.ts'
import { STANDARD } from './files.ts'
import { hostSecretOption } from './keys.ts'
import type { SealedReport } from './report.ts'
import { scopeOptions } from './scope.ts'
import { loadSealingKeys, type SealingKeysLoader, sealingOptions } from './sealing.ts'
import { tpmSealingOptions } from './tpm.ts'

/** Who shall open it. */
export const targetOptions = {
  ...sealingOptions,
  ...hostSecretOption,
  ...tpmSealingOptions,
  targetVersion: option({
    long: 'target-version',
    type: systemdVersion,
    description: 'refuse what this systemd cannot open',
  }),
  ...scopeOptions,
}

/** What can be said about each credential. */
export const requestOptions = {
  name: option({
    long: 'name',
    type: text('NAME'),
    acceptsEmpty: true,
    description: 'the name units know it by; by default that of OUT, else of IN; --name= for none',
  }),
  timestamp: option({
    long: 'timestamp',
    type: text('TIME'),
    acceptsEmpty: true,
    environment: 'SOURCE_DATE_EPOCH',
    description: 'when it was sealed; by default now; --timestamp= for none',
  }),
  notAfter: option({
    long: 'not-after',
    type: text('TIME'),
    description: 'when it ceases to be valid: 2027-01-01, +1week',
  }),
  ...targetOptions,
  pretty: flag({
    long: 'pretty',
    short: 'p',
    description: 'print SetCredentialEncrypted= for a unit; in a file, lines as short as there',
  }),
}

export type RequestValues = ValuesOf<typeof requestOptions>

/** A credential to be made. */
export interface SealRequest extends RequestValues {
  /** What the secret is called where it comes from; `-` for a pipe. */
  readonly input: string
  /** The file, or `-`. */
  readonly output: string
}

/** The files that are read for a credential. */
export function filesOf(request: SealRequest): readonly string[] {
  const { input, hostSecret, tpmDeviceKey, tpmPublicKey } = request
  const files = [input === STANDARD ? undefined : input, hostSecret, tpmDeviceKey, tpmPublicKey]
  return files.filter((path) => path !== undefined)
}

export interface SealedRequest {
  /** What there is to say of it, found out when it is asked for. */
  readonly report: () => Promise<SealedReport>
  /** The credential, binary. */
  readonly credential: Uint8Array
  /** The same as text. */
  readonly text: string
  readonly warnings: readonly string[]
}

/**
 * Seals the secret that `read` gives; it is overwritten.
 *
 * @param loadKeys how keys are come by
 * @throws UsageError, CredentialError, TpmError, FileError, and what `read` throws
 */
export async function sealRequest(
  values: SealRequest,
  read: () => Promise<Uint8Array>,
  context: Context,
  loadKeys: SealingKeysLoader = loadSealingKeys,
): Promise<SealedRequest> {
  const name = chooseName(values)
  const times = readTimes(values, context)
  assertMetadata({ name, ...times })
  const keys = await loadKeys(values, context)
  let secret: Uint8Array = new Uint8Array(0)
  try {
    secret = await read()
    const { random } = context
    const { type, credential } = sealCredential({ name, ...times, ...keys, secret, random })
    const { targetVersion, output } = values
    if (targetVersion) assertReadableBy(targetVersion, type, values.tpmDeviceKey !== undefined)
    const text = formatText(name, credential, values)
    const target = targetVersion ? Number.parseInt(targetVersion, 10) : undefined
    return {
      report: async () => {
        const { inspectCredential } = await import('../../credentials/inspect.ts')
        const { since, tpm2, publicKey } = inspectCredential(credential)
        const sealing = { since, tpm2, storageKey: keys.tpm?.storageKey.name, publicKey }
        return { output, type: type.name, name, ...times, ...sealing, size: text.length }
      },
      credential,
      text,
      warnings: [
        ...keys.warnings,
        ...nameWarnings(name, output),
        ...findWarnings(name, secret, target),
      ],
    }
  } finally {
    secret.fill(0)
    keys.forget()
  }
}

function chooseName({ name, input, output }: SealRequest): string | undefined {
  if (name !== undefined) return name === '' ? undefined : name
  if (output !== STANDARD) return nameOfFile(basename(output))
  return input === STANDARD ? undefined : basename(input)
}

interface Times {
  readonly timestamp: Microseconds | undefined
  readonly notAfter: Microseconds | undefined
}

function readTimes(values: RequestValues, context: Context): Times {
  const clock = toMicroseconds(context.now())
  const read = (option: string, text: string) => {
    const time = parseTime(text, clock)
    if (time !== undefined) return time
    throw new UsageError(`${option}: '${text}' is not a time`, {
      hint: 'times look like 2027-01-31, 2027-01-31 12:00 UTC, +1week, @1800000000',
    })
  }
  const { timestamp, notAfter } = values
  const epoch = timestamp === undefined ? sourceDateEpoch(context) : undefined
  const sealedAt = epoch === undefined ? clock : BigInt(epoch) * 1_000_000n
  if (sealedAt > LAST_TIME) {
    throw new UsageError(`SOURCE_DATE_EPOCH: ${epoch} seconds are more than a credential can say`)
  }
  return {
    timestamp:
      timestamp === undefined
        ? sealedAt
        : timestamp === ''
          ? undefined
          : read('--timestamp', timestamp),
    notAfter: notAfter === undefined ? undefined : read('--not-after', notAfter),
  }
}

function formatText(
  name: string | undefined,
  credential: Uint8Array,
  { pretty, output }: SealRequest,
): string {
  if (!pretty) return formatCredential(credential)
  return output === STANDARD && name !== undefined
    ? formatUnitSetting(name, credential)
    : formatCredential(credential, UNIT_WIDTH)
}

/** Where the file's name decides under which name it is looked up, the two have to agree. */
function nameWarnings(name: string | undefined, output: string): string[] {
  if (name === undefined) return ['it has no name: it goes for every name']
  if (output === STANDARD) return []
  const file = basename(output)
  const isSearched =
    hasCredentialSuffix(file) || basename(dirname(output)) === 'credstore.encrypted'
  const expected = nameOfFile(file)
  if (!isSearched || expected === name) return []
  return [`${output} is looked up as '${expected}', and refused because it is called '${name}'`]
}
