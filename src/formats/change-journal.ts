/**
 * A change to a file that has been decided and perhaps not been carried out: what was there, what
 * shall be there. See docs/formats/change-journal.md.
 */

import { fromBase64, toBase64 } from '../bytes/base64.ts'
import { equalBytes } from '../bytes/equal.ts'
import type { Patch } from '../bytes/patch.ts'
import type { Source } from '../bytes/source.ts'
import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts'
import { FormatError } from '../errors.ts'
import { GRAIN, SIGNATURE_PARTITION_SIZE } from './ddi/placement.ts'
import { parseJson } from './json.ts'

/** One place that changes. */
export interface Change extends Patch {
  /** What was there before; shorter where the file was. */
  readonly old: Uint8Array
}

export interface ChangeJournal {
  /** Sizes of the file in bytes. */
  readonly oldSize: number
  readonly newSize: number
  /** In the order in which they are written. */
  readonly changes: readonly Change[]
}

const FORMAT = 'change journal'
const NAME = 'extsign change journal'
const VERSION = 1
const MAX_CHANGES = 16
/** What a disk writes as a whole. */
const SECTOR = 512
/** Old and new signature partition of the largest size that readers take, and two tables. */
const MAX_CHANGED = 9 * 1024 * 1024
/** Larger than the text of that many bytes, twice. */
export const MAX_JOURNAL = 32 * 1024 * 1024
/** What a file grows by at most: a signature partition, and the room before it. */
const MAX_GROWTH = SIGNATURE_PARTITION_SIZE + GRAIN

export function encodeChangeJournal({ oldSize, newSize, changes }: ChangeJournal): Uint8Array {
  const list = changes.map(({ offset, old, bytes }) => {
    return { offset, old: toBase64(old), new: toBase64(bytes) }
  })
  const value = { format: NAME, version: VERSION, oldSize, newSize, changes: list }
  return encodeUtf8(`${JSON.stringify(value)}\n`)
}

/** Reads a journal. @throws FormatError */
export function decodeChangeJournal(bytes: Uint8Array): ChangeJournal {
  const object = parseObject(decodeUtf8(bytes))
  if (object.format !== NAME || object.version !== VERSION) {
    throw bad(`format is not "${NAME}", version ${VERSION}`)
  }
  const oldSize = readNumber(object, 'oldSize')
  const newSize = readNumber(object, 'newSize')
  if (newSize < oldSize || newSize > oldSize + MAX_GROWTH) {
    throw bad(`the file cannot grow from ${oldSize} to ${newSize} bytes`)
  }
  const { changes } = object
  if (!Array.isArray(changes) || changes.length > MAX_CHANGES) {
    throw bad(`changes is not a list of at most ${MAX_CHANGES}`)
  }
  const read = changes.map((value: unknown): Change => {
    const change = asObject(value)
    const offset = readNumber(change, 'offset')
    const old = readBytes(change, 'old')
    const bytes = readBytes(change, 'new')
    if (bytes.length === 0 || offset + bytes.length > newSize || old.length > bytes.length) {
      throw bad(`the change at byte ${offset} does not fit into the file`)
    }
    if (old.length !== Math.max(0, Math.min(bytes.length, oldSize - offset))) {
      throw bad(`the change at byte ${offset} lacks what was there`)
    }
    return { offset, old, bytes }
  })
  const inOrder = read.toSorted((a, b) => a.offset - b.offset)
  if (inOrder.some(({ offset }, index) => offset < endOf(inOrder[index - 1]))) {
    throw bad('two changes are of the same bytes')
  }
  if (read.reduce((sum, { bytes }) => sum + bytes.length, 0) > MAX_CHANGED) {
    throw bad(`more than ${MAX_CHANGED} bytes change`)
  }
  return { oldSize, newSize, changes: read }
}

function endOf(change: Change | undefined): number {
  return change ? change.offset + change.bytes.length : 0
}

/**
 * Whether `source` is the file of the journal, in any state between old and new: of one of the two
 * sizes, and each sector of each change as it was or as it shall be.
 */
export async function isFileOf(journal: ChangeJournal, source: Source): Promise<boolean> {
  const { oldSize, newSize, changes } = journal
  if (source.size !== oldSize && source.size !== newSize) return false
  for (const { offset, old, bytes } of changes) {
    const there = Math.max(0, Math.min(bytes.length, source.size - offset))
    const found = await source.read(offset, there)
    for (let start = 0; start < there; ) {
      const end = Math.min(there, start + SECTOR - ((offset + start) % SECTOR))
      const now = found.subarray(start, end)
      const isOld = equalBytes(now, padded(old, start, end))
      if (!isOld && !equalBytes(now, bytes.subarray(start, end))) return false
      start = end
    }
  }
  return true
}

/** A file that has been made longer reads as zeros until it is written. */
function padded(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const part = new Uint8Array(end - start)
  part.set(bytes.subarray(start, end))
  return part
}

function parseObject(text: string | undefined): Readonly<Record<string, unknown>> {
  return asObject(parseJson(text ?? '', (fault) => bad(`text is ${fault}`)))
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw bad('JSON is not an object')
  return { ...value }
}

function readNumber(object: Readonly<Record<string, unknown>>, field: string): number {
  const value = object[field]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw bad(`${field} is not a size in bytes`)
}

function readBytes(object: Readonly<Record<string, unknown>>, field: string): Uint8Array {
  const value = object[field]
  const bytes = typeof value === 'string' ? fromBase64(value) : undefined
  if (!bytes) throw bad(`${field} is not base64`)
  return bytes
}

function bad(fact: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', fact)
}
