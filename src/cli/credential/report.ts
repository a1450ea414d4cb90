/** What `extsign cred` says about a credential, for people. */

import { toHex } from '../../bytes/hex.ts'
import type {
  CredentialInspection,
  ParentInspection,
  PublicKeyInspection,
  TpmInspection,
} from '../../credentials/inspect.ts'
import type { Readability } from '../../credentials/target.ts'
import { formatTime } from '../../credentials/time.ts'
import {
  CredentialError,
  type CredentialErrorCode,
  ExtsignError,
  FormatError,
  TpmError,
  type TpmErrorCode,
} from '../../errors.ts'
import type { Microseconds } from '../../formats/credential/metadata.ts'
import type { Context } from '../context.ts'
import { ExitCode, inFile, reportError } from '../errors.ts'
import { formatPairs, formatSize, paint, printable } from '../terminal.ts'
import { nameOfInput } from './files.ts'

/** What says that a credential was examined and must not be opened here. */
const REFUSALS: readonly string[] = [
  'NULL_REFUSED',
  'BAD_SCOPE',
  'WRONG_KEY',
  'NAME_MISMATCH',
  'EXPIRED',
] satisfies CredentialErrorCode[]

/** The same of a TPM: it was asked, and refuses. */
const TPM_REFUSALS: readonly string[] = [
  'OTHER_TPM',
  'WRONG_PCRS',
  'WRONG_POLICY',
  'NO_SIGNATURE',
  'BAD_SIGNATURE',
] satisfies TpmErrorCode[]

/** Prints why the credential `path` was not opened, and tells "must not be" from "could not be". */
export function rateRefusal(path: string, error: unknown, context: Context): number {
  if (error instanceof FormatError) {
    reportError(inFile(path, error), context.stderr)
    return ExitCode.wanting
  }
  const isRefusal =
    (error instanceof TpmError && TPM_REFUSALS.includes(error.code)) ||
    (error instanceof CredentialError && REFUSALS.includes(error.code))
  if (!isRefusal) throw error
  const { code, message, hint } = error
  reportError(new ExtsignError(code, `${path}: ${message}`, { hint }), context.stderr)
  return ExitCode.wanting
}

type Row = readonly [label: string, value: string]

interface Times {
  readonly timestamp: Microseconds | undefined
  readonly notAfter: Microseconds | undefined
}

/** The same with times in ISO 8601, for JSON. */
export function timesToText<T extends Times>({ timestamp, notAfter, ...rest }: T) {
  return { ...rest, timestamp: timeText(timestamp), notAfter: timeText(notAfter) }
}

function timeText(time: Microseconds | undefined): string | undefined {
  return time === undefined ? undefined : formatTime(time)
}

export interface SealedReport extends Times {
  readonly output: string
  readonly type: string
  readonly name: string | undefined
  readonly since: Readability
  readonly tpm2?: TpmInspection | undefined
  /** The name of the key of the TPM that it was sealed to. */
  readonly storageKey?: Uint8Array | undefined
  readonly publicKey?: PublicKeyInspection | undefined
  /** Bytes of text. */
  readonly size: number
}

/** One line, then what decides whether it will open. */
export function formatSealed(report: SealedReport, context: Context): string {
  const title = paint(context, context.stdout, 'bold', printable(report.output))
  const rows: Row[] = [
    ['name', report.name === undefined ? 'none: it goes for every name' : report.name],
    ...timeRows(report),
    ...(report.tpm2 === undefined ? [] : tpmRows(report.tpm2)),
    ...(report.storageKey === undefined
      ? []
      : [['sealed to', `key with the name ${toHex(report.storageKey)}`] as const]),
    ...(report.publicKey === undefined ? [] : keyRows(report.publicKey, report.tpm2)),
    ['opens with', `systemd ${report.since.since} or later`],
  ]
  return `${title}: credential of type ${report.type}, ${formatSize(report.size)}\n${formatPairs(rows)}`
}

export function formatInspectedCredential(
  inspection: CredentialInspection & {
    readonly file: string
    readonly line?: number
    readonly unitName?: string | undefined
    readonly replacedIn?: number | undefined
  },
  context: Context,
): string {
  const { type, size, since, scope, tpm2, publicKey, parent, content } = inspection
  const { file, line, unitName, replacedIn } = inspection
  const place = line === undefined ? nameOfInput(file) : `${nameOfInput(file)} line ${line}`
  const title = paint(context, context.stdout, 'bold', printable(place))
  const rows: Row[] = [
    ['scope', scope === 'user' ? 'one user of the machine' : 'the machine'],
    ['needs', describeNeeds(inspection)],
    ...(unitName === undefined ? [] : [['unit name', printable(unitName)] as const]),
    ...(replacedIn === undefined
      ? []
      : [['not used', `line ${replacedIn} takes its place`] as const]),
    ...(content === undefined
      ? [['inside', `${inspection.encryptedSize} bytes of name, times and secret`] as const]
      : [
          ['name', content.name ?? 'none: it goes for every name'] as const,
          ...timeRows(content),
          ['secret', formatSize(content.secretSize)] as const,
        ]),
    ...(tpm2 === undefined ? [] : tpmRows(tpm2)),
    ...(tpm2 === undefined ? [] : [['parent', describeParent(tpm2, parent)] as const]),
    ...(publicKey === undefined ? [] : keyRows(publicKey, tpm2)),
    ['opens with', `systemd ${since.since} or later: ${since.reason}`],
  ]
  return `${title}: credential of type ${type}, ${formatSize(size)}\n${formatPairs(rows)}`
}

function tpmRows({ sealedOffDevice, pcrs, bank, policy }: TpmInspection): Row[] {
  return [
    ['sealed', sealedOffDevice ? 'off-device, from a public key' : 'by the TPM'],
    ['PCRs', describePcrs(pcrs, bank)],
    ['policy', policy ?? 'none: whoever reaches the TPM opens it'],
  ]
}

function keyRows({ fingerprint, pcrs }: PublicKeyInspection, tpm2?: TpmInspection): Row[] {
  return [
    ['signed by', `key with SHA-256 ${fingerprint ?? 'unknown: no TPM takes it'}`],
    ['policies', `cover PCRs ${describePcrs(pcrs, tpm2?.bank)}`],
  ]
}

function describeParent({ parentType }: TpmInspection, parent?: ParentInspection): string {
  return parent === undefined
    ? `the ${parentType} primary key that systemd before 262 makes`
    : `${parent.handle}, name ${parent.name}`
}

const NEEDS = {
  'host-secret': 'the secret of the host',
  tpm2: 'the TPM',
  'pcr-signature': 'a signed PCR policy',
} as const

function describeNeeds({ needs }: CredentialInspection): string {
  return needs.map((need) => NEEDS[need]).join(', ') || 'nothing: the key is null'
}

function describePcrs(pcrs: readonly number[], bank: string | undefined): string {
  return pcrs.length === 0 ? 'none' : `${pcrs.join(', ')} of ${bank ?? 'an unknown bank'}`
}

function timeRows({ timestamp, notAfter }: Times): Row[] {
  return [
    ...(timestamp === undefined ? [] : [['timestamp', formatTime(timestamp)] as const]),
    ...(notAfter === undefined ? [] : [['valid', `until ${formatTime(notAfter)}`] as const]),
  ]
}
