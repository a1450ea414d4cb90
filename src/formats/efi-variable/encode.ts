/** Authenticated variables: what must be signed, and the signed thing (`.auth`). */

import { concat } from '../../bytes/concat.ts'
import { encode, guid, u32le } from '../../bytes/struct.ts'
import {
  APPEND_WRITE,
  CertificateHeader,
  EfiTime,
  PKCS7_GUID,
  REVISION,
  SECURE_BOOT_ATTRIBUTES,
  SECURE_BOOT_VARIABLES,
  type SecureBootVariable,
  TYPE_EFI_GUID,
  type VariableUpdate,
} from './layout.ts'

/**
 * The bytes that are signed: name without its NUL, GUID, attributes, time, data.
 *
 * @throws RangeError where the time has fractions of a second or does not fit.
 */
export function variablePayload(update: VariableUpdate): Uint8Array {
  const { variable, data, time, append = false } = update
  return concat(variableHead(variable, append), encodeTime(time), data)
}

/** What is signed in front of the time, the same for every change of a variable. */
export function variableHead(variable: SecureBootVariable, append: boolean): Uint8Array {
  const name = Uint8Array.from([...variable].flatMap((letter) => [letter.charCodeAt(0), 0]))
  const attributes = append ? SECURE_BOOT_ATTRIBUTES | APPEND_WRITE : SECURE_BOOT_ATTRIBUTES
  return concat(name, encode(guid, SECURE_BOOT_VARIABLES[variable]), encode(u32le, attributes))
}

/**
 * EFI_VARIABLE_AUTHENTICATION_2 and the data.
 *
 * @param message SignedData in DER without ContentInfo, over {@link variablePayload}
 */
export function encodeVariableUpdate(
  { time, data }: Pick<VariableUpdate, 'time' | 'data'>,
  message: Uint8Array,
): Uint8Array {
  const header = encode(CertificateHeader, {
    length: CertificateHeader.size + message.length,
    revision: REVISION,
    certificateType: TYPE_EFI_GUID,
    certType: PKCS7_GUID,
  })
  return concat(encodeTime(time), header, message, data)
}

function encodeTime(time: Date): Uint8Array {
  const year = time.getUTCFullYear()
  if (!(year >= 1900 && year <= 9999) || time.getUTCMilliseconds() !== 0) {
    throw new RangeError('firmware knows whole seconds from 1900 to 9999')
  }
  return encode(EfiTime, {
    year,
    month: time.getUTCMonth() + 1,
    day: time.getUTCDate(),
    hour: time.getUTCHours(),
    minute: time.getUTCMinutes(),
    second: time.getUTCSeconds(),
    pad1: 0,
    nanosecond: 0,
    timeZone: 0,
    daylight: 0,
    pad2: 0,
  })
}
