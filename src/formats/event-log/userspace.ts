/**
 * The log of systemd's own measurements, `/run/log/systemd/tpm2-measure.log`: JSON texts, each after
 * a record separator (RFC 7464), with the fields of the TCG Canonical Event Log.
 *
 * See systemd src/shared/tpm2-util.c. Measurements into NV indices are passed over: they change no
 * PCR.
 */

import { fromHex } from '../../bytes/hex.ts'
import { decodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'
import { parseJson } from '../json.ts'
import { PCR_BANKS, PCR_COUNT, type PcrBank, pcrSize } from '../tpm2/pcr.ts'
import type { EventLog, LogEvent } from './log-event.ts'

const FORMAT = 'measurement log'
const MAX_SIZE = 16 * 1024 * 1024
const MAX_DIGESTS = 16
const SEPARATOR = 0x1e

/** Whether `bytes` begin like such a log. */
export function isUserspaceLog(bytes: Uint8Array): boolean {
  return bytes[0] === SEPARATOR
}

/** Reads the log. @throws FormatError where it is none, or a record of it is not whole. */
export function parseUserspaceLog(bytes: Uint8Array): EventLog {
  if (bytes.length > MAX_SIZE) {
    const message = `${bytes.length} bytes, at most ${MAX_SIZE} are read`
    throw new FormatError(FORMAT, 'TOO_LARGE', message)
  }
  if (!isUserspaceLog(bytes)) {
    throw new FormatError(FORMAT, 'BAD_MAGIC', 'no record separator', { offset: 0 })
  }
  const events = splitRecords(bytes).flatMap(({ offset, text }) => readRecord(text, offset))
  return { kind: 'userspace', events, startupLocality: 0 }
}

function splitRecords(bytes: Uint8Array) {
  const records: { readonly offset: number; readonly text: Uint8Array }[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const found = bytes.indexOf(SEPARATOR, offset + 1)
    const end = found < 0 ? bytes.length : found
    records.push({ offset, text: bytes.subarray(offset + 1, end) })
    offset = end
  }
  return records
}

/** The event of a record; none where it is about something else than a PCR. */
function readRecord(bytes: Uint8Array, offset: number): readonly LogEvent[] {
  const record = parseObject(bytes, offset)
  const { pcr } = record
  if (pcr === undefined && record.nv_index !== undefined) return []
  if (typeof pcr !== 'number' || !Number.isInteger(pcr) || pcr < 0 || pcr >= PCR_COUNT) {
    throw bad(`pcr is not a number from 0 to ${PCR_COUNT - 1}`, offset)
  }
  const content = isObject(record.content) ? record.content : {}
  const type = typeof content.eventType === 'string' ? content.eventType : 'unknown'
  const description = typeof content.string === 'string' ? content.string : type
  return [{ pcr, type, description, digests: readDigests(record.digests, offset), offset }]
}

function readDigests(value: unknown, offset: number): ReadonlyMap<PcrBank, Uint8Array> {
  if (!Array.isArray(value) || value.length > MAX_DIGESTS) {
    throw bad(`digests is not a list of at most ${MAX_DIGESTS}`, offset)
  }
  const digests = new Map<PcrBank, Uint8Array>()
  for (const each of value) {
    const { hashAlg, digest } = isObject(each) ? each : {}
    const bytes = typeof digest === 'string' ? fromHex(digest) : undefined
    if (typeof hashAlg !== 'string' || bytes === undefined) {
      throw bad('a digest has no hashAlg or is not hexadecimal', offset)
    }
    const bank = PCR_BANKS.find((name) => name === hashAlg)
    if (bank === undefined) continue
    if (bytes.length !== pcrSize(bank)) {
      throw bad(`digest of ${bank} has ${bytes.length} bytes, expected ${pcrSize(bank)}`, offset)
    }
    if (digests.has(bank)) throw bad(`digest of ${bank} is there twice`, offset)
    digests.set(bank, bytes)
  }
  return digests
}

function parseObject(bytes: Uint8Array, offset: number): Readonly<Record<string, unknown>> {
  const text = decodeUtf8(bytes)
  if (text === undefined) throw bad('record is not UTF-8', offset)
  const value = parseJson(text, (fault) => bad(`record is ${fault}`, offset))
  if (!isObject(value)) throw bad('record is not an object', offset)
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bad(message: string, offset: number): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', message, { offset })
}
