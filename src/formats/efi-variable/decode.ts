/** The parts of an authenticated variable (`.auth`). Nothing is verified. */

import { equalBytes } from '../../bytes/equal.ts'
import { decode } from '../../bytes/struct.ts'
import { FormatError, type FormatErrorCode } from '../../errors.ts'
import { variableHead } from './encode.ts'
import {
  CertificateHeader,
  EfiTime,
  PKCS7_GUID,
  REVISION,
  SECURE_BOOT_VARIABLES,
  type SecureBootVariable,
  TYPE_EFI_GUID,
  type VariableUpdate,
} from './layout.ts'

export interface SignedVariable {
  readonly time: Date
  /** PKCS#7 in DER; with or without ContentInfo around it, firmware takes both. */
  readonly message: Uint8Array
  /** Signature lists. */
  readonly data: Uint8Array
}

const FORMAT = 'authenticated variable'
const MAX_SIZE = 2 * 1024 * 1024

/** @throws FormatError where it is not such a structure, or not in the form firmware takes. */
export function decodeVariableUpdate(bytes: Uint8Array): SignedVariable {
  if (bytes.length > MAX_SIZE) {
    throw bad('TOO_LARGE', `${bytes.length} bytes, at most ${MAX_SIZE} are read`, 0)
  }
  const start = EfiTime.size
  const content = start + CertificateHeader.size
  if (bytes.length < content) {
    throw bad('TRUNCATED', `${bytes.length} bytes, a header has ${content}`, 0)
  }
  const time = readTime(decode(EfiTime, bytes), 0)
  const { length, revision, certificateType, certType } = decode(CertificateHeader, bytes, start)
  const at = (field: keyof typeof CertificateHeader.offsets) =>
    start + CertificateHeader.offsets[field]
  if (revision !== REVISION) throw bad('UNSUPPORTED', `revision ${revision}`, at('revision'))
  if (certificateType !== TYPE_EFI_GUID || certType !== PKCS7_GUID) {
    const found = `a signature of type ${certificateType}, ${certType}, not PKCS#7`
    throw bad('UNSUPPORTED', found, at('certificateType'))
  }
  const end = start + length
  if (end <= content || end > bytes.length) {
    const left = bytes.length - start
    throw bad('TRUNCATED', `a signature of ${length} bytes, ${left} are left`, at('length'))
  }
  return { time, message: bytes.slice(content, end), data: bytes.slice(end) }
}

/**
 * The change that somebody is asked to sign: the inverse of `variablePayload`.
 *
 * @throws FormatError where the bytes are no change of a Secure Boot variable.
 */
export function decodeVariablePayload(bytes: Uint8Array): VariableUpdate {
  if (bytes.length > MAX_SIZE) {
    throw bad('TOO_LARGE', `${bytes.length} bytes, at most ${MAX_SIZE} are read`, 0)
  }
  const names = Object.keys(SECURE_BOOT_VARIABLES) as SecureBootVariable[]
  for (const variable of names) {
    for (const append of [false, true]) {
      const head = variableHead(variable, append)
      if (!equalBytes(bytes.subarray(0, head.length), head)) continue
      const start = head.length + EfiTime.size
      if (bytes.length < start) throw bad('TRUNCATED', 'it ends before its data', head.length)
      const time = readTime(decode(EfiTime, bytes, head.length), head.length)
      return { variable, append, time, data: bytes.slice(start) }
    }
  }
  throw bad('BAD_MAGIC', 'it does not begin with a Secure Boot variable', 0)
}

function readTime(time: EfiTime, offset: number): Date {
  const { year, month, day, hour, minute, second } = time
  const { pad1, nanosecond, timeZone, daylight, pad2 } = time
  if (pad1 !== 0 || nanosecond !== 0 || timeZone !== 0 || daylight !== 0 || pad2 !== 0) {
    throw bad(
      'BAD_VALUE',
      'a time with more than date and seconds, which firmware refuses',
      offset + 7,
    )
  }
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  const isDate =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (year < 1900 || year > 9999 || !isDate || hour > 23 || minute > 59 || second > 59) {
    throw bad('BAD_VALUE', 'a time that there is not', offset)
  }
  return date
}

function bad(code: FormatErrorCode, message: string, offset: number): FormatError {
  return new FormatError(FORMAT, code, message, { offset })
}
