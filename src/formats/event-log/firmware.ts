/**
 * The log of the firmware, in which boot loaders write too: what Linux shows as
 * `/sys/kernel/security/tpm0/binary_bios_measurements`.
 *
 * See TCG PC Client Platform Firmware Profile 1.06 §10 (crypto-agile log). The older log of TPM 1.2
 * has SHA-1 only and is refused.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'
import { findPcrBank, PCR_COUNT, type PcrBank, pcrSize } from '../tpm2/pcr.ts'
import { describeEvent } from './describe.ts'
import { EventType, eventTypeName } from './event-types.ts'
import type { EventLog, LogEvent } from './log-event.ts'
import { FORMAT, Reader } from './reader.ts'

/** More than any firmware keeps. */
export const MAX_LOG_SIZE = 64 * 1024 * 1024
const MAX_ALGORITHMS = 16
const MAX_DIGEST_SIZE = 128
const SHA1_SIZE = 20
const NO_PCR = 0xffffffff

const SPEC_ID = encodeUtf8('Spec ID Event03\0')
const STARTUP_LOCALITY = encodeUtf8('StartupLocality\0')

/** Sizes of digests by TPM_ALG_ID, as the first event of the log says them. */
type DigestSizes = ReadonlyMap<number, number>

/** Whether `bytes` begin like such a log. */
export function isFirmwareLog(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 12 && equalBytes(bytes.subarray(0, 8), Uint8Array.of(0, 0, 0, 0, 3, 0, 0, 0))
  )
}

/**
 * Reads the log.
 *
 * @throws FormatError where it is none, or of the older form.
 */
export function decodeFirmwareLog(bytes: Uint8Array): EventLog {
  if (bytes.length > MAX_LOG_SIZE) {
    const message = `${bytes.length} bytes, at most ${MAX_LOG_SIZE} are read`
    throw new FormatError(FORMAT, 'TOO_LARGE', message)
  }
  const reader = new Reader(bytes)
  const sizes = readHeader(reader)
  const events: LogEvent[] = []
  let startupLocality = 0
  while (reader.left > 0 && !isUnwritten(reader.rest())) {
    const { event, type, data } = readEvent(reader, sizes)
    if (type !== EventType.noAction) events.push(event)
    else if (startsWith(data, STARTUP_LOCALITY)) {
      startupLocality = data[STARTUP_LOCALITY.length] ?? 0
    }
  }
  return { kind: 'firmware', events, startupLocality }
}

/** TCG_PCR_EVENT with TCG_EfiSpecIdEvent, §10.2.1 and §10.4.5.1: which digests the events have. */
function readHeader(reader: Reader): DigestSizes {
  const pcr = reader.u32('PCR of the first event')
  const type = reader.u32('type of the first event')
  const digest = reader.take(SHA1_SIZE, 'digest of the first event')
  if (pcr !== 0 || type !== EventType.noAction || digest.some((byte) => byte !== 0)) {
    throw new FormatError(FORMAT, 'BAD_MAGIC', 'no specification event at the start', {
      offset: 0,
      hint: 'a log of TPM 1.2 has none; it has to be binary_bios_measurements of a TPM 2.0',
    })
  }
  const end = reader.u32('size of the specification event') + reader.offset
  const found = reader.take(SPEC_ID.length, 'signature of the specification')
  if (!equalBytes(found, SPEC_ID)) {
    const name = decodeUtf8(found)?.replace(/[^ -~].*$/s, '') ?? ''
    const message = `specification '${name}', known is 'Spec ID Event03'`
    throw new FormatError(FORMAT, 'UNSUPPORTED', message, {
      offset: reader.offset - SPEC_ID.length,
    })
  }
  reader.take(8, 'version of the specification')
  const sizes = readAlgorithms(reader)
  reader.take(reader.u8('size of vendor data'), 'vendor data')
  if (reader.offset !== end) {
    throw reader.bad(`specification event ends at ${reader.offset}, its size says ${end}`, 28)
  }
  return sizes
}

function readAlgorithms(reader: Reader): DigestSizes {
  const { offset } = reader
  const count = reader.u32('number of algorithms')
  if (count === 0 || count > MAX_ALGORITHMS) {
    throw reader.bad(`${count} algorithms, there are 1 to ${MAX_ALGORITHMS}`, offset)
  }
  const sizes = new Map<number, number>()
  for (let index = 0; index < count; index++) {
    const at = reader.offset
    const algorithm = reader.u16('algorithm')
    const size = reader.u16('size of its digest')
    const bank = findPcrBank(algorithm)
    const expected = bank === undefined ? undefined : pcrSize(bank)
    if (size > MAX_DIGEST_SIZE || (expected !== undefined && size !== expected)) {
      throw reader.bad(`digests of ${size} bytes for algorithm 0x${algorithm.toString(16)}`, at)
    }
    if (sizes.has(algorithm)) {
      throw reader.bad(`algorithm 0x${algorithm.toString(16)} is there twice`, at)
    }
    sizes.set(algorithm, size)
  }
  return sizes
}

/** TCG_PCR_EVENT2, §10.2.2. */
function readEvent(reader: Reader, sizes: DigestSizes) {
  const { offset } = reader
  const pcr = reader.u32('PCR')
  const type = reader.u32('type')
  if (pcr >= PCR_COUNT && !(pcr === NO_PCR && type === EventType.noAction)) {
    throw reader.bad(`PCR ${pcr}, there are 0 to ${PCR_COUNT - 1}`, offset)
  }
  const digests = readDigests(reader, sizes)
  const data = reader.take(reader.u32('size of the event'), 'event')
  const description = describeEvent(type, data)
  return { type, data, event: { pcr, type: eventTypeName(type), description, digests, offset } }
}

function readDigests(reader: Reader, sizes: DigestSizes): ReadonlyMap<PcrBank, Uint8Array> {
  const { offset } = reader
  const count = reader.u32('number of digests')
  if (count > sizes.size) throw reader.bad(`${count} digests, at most ${sizes.size}`, offset)
  const digests = new Map<PcrBank, Uint8Array>()
  for (let index = 0; index < count; index++) {
    const at = reader.offset
    const algorithm = reader.u16('algorithm')
    const size = sizes.get(algorithm)
    if (size === undefined) {
      throw reader.bad(`algorithm 0x${algorithm.toString(16)}, which the log does not announce`, at)
    }
    const digest = reader.take(size, 'digest').slice()
    const bank = findPcrBank(algorithm)
    if (bank === undefined) continue
    if (digests.has(bank)) throw reader.bad(`digest of ${bank} is there twice`, at)
    digests.set(bank, digest)
  }
  return digests
}

/** Some firmware shows the rest of its memory too: bits that were never written. */
function isUnwritten(rest: Uint8Array): boolean {
  return rest[0] === 0xff && rest.every((byte) => byte === 0xff)
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, start.length), start)
}
