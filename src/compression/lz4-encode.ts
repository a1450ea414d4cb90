/**
 * LZ4 block encoder: one raw block, no frame. Greedy, one candidate per hash, in the manner of the
 * reference implementation's fast level, with two differences that pay in JavaScript: matches are
 * at least five bytes long, and the search looks at runs of neighbouring positions.
 *
 * See https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */

/** The largest input of one block: what EROFS and the scratch memory below allow. */
export const MAXIMUM_LZ4_INPUT = 1024 * 1024

const SHORTEST_MATCH = 4
/** What the search asks for. A match of four bytes saves one byte and costs a branch. */
const SEARCHED_MATCH = 5
const LAST_LITERALS = 5
/** The last match starts at least this far before the end. */
const MATCH_MARGIN = 12
const MAXIMUM_OFFSET = 65535
/** Positions looked at one after the other before the search skips some. */
const RUN = 4
const LONGEST_SKIP = 31

const TABLE_BITS = 13
const HASH_SHIFT = 32 - TABLE_BITS
const HASH_FACTOR = 0x9e3779b1 | 0

// Constants of the module, because V8 reads from a buffer it knows far faster than from a
// parameter: 440 against 390 MB/s, the copies included. Never more than one call uses them.
const table = new Int32Array(1 << TABLE_BITS)
const input = new Uint8Array(MAXIMUM_LZ4_INPUT + 16)
const inputView = new DataView(input.buffer)
const output = new Uint8Array(MAXIMUM_LZ4_INPUT + 64)
const outputView = new DataView(output.buffer)

/**
 * Encodes `bytes` as one LZ4 block of at most `limit` bytes. Gives up early where it does not fit.
 *
 * @param limit at most {@link MAXIMUM_LZ4_INPUT}
 * @returns the block, valid until the next call in this thread; undefined when it does not fit
 * @throws RangeError when there are more bytes than {@link MAXIMUM_LZ4_INPUT}, or none.
 */
export function encodeLz4(
  bytes: Uint8Array,
  limit: number = MAXIMUM_LZ4_INPUT,
): Uint8Array | undefined {
  if (bytes.length === 0 || bytes.length > MAXIMUM_LZ4_INPUT) {
    throw new RangeError(`lz4: a block of ${bytes.length} bytes cannot be encoded`)
  }
  input.set(bytes)
  const size = encodeInput(bytes.length, Math.min(limit, MAXIMUM_LZ4_INPUT))
  return size === 0 ? undefined : output.subarray(0, size)
}

/** Encodes the first `end` bytes of `input` to `output`; 0 when there would be more than `limit`. */
function encodeInput(end: number, limit: number): number {
  // Nothing of an earlier call may show: the same input gives the same block.
  table.fill(0)
  const lastStart = (end - MATCH_MARGIN - (RUN - 1)) | 0
  const matchEnd = (end - LAST_LITERALS) | 0
  let written = 0
  let anchor = 0
  let at = 1

  sequences: while (at <= lastStart) {
    let match = 0
    let hash = 0
    let word = inputView.getInt32(at, true)
    let next = 0
    // The four steps differ only in position and in which of the two words is the older one.
    for (let misses = 0; ; misses = (misses + 1) | 0) {
      next = inputView.getInt32((at + 1) | 0, true)
      hash = (Math.imul(word, HASH_FACTOR) ^ next) >>> HASH_SHIFT
      match = table[hash]!
      table[hash] = at
      if (
        inputView.getInt32(match, true) === word &&
        inputView.getInt32((match + 1) | 0, true) === next &&
        at - match <= MAXIMUM_OFFSET
      ) {
        break
      }
      word = inputView.getInt32((at + 2) | 0, true)
      hash = (Math.imul(next, HASH_FACTOR) ^ word) >>> HASH_SHIFT
      match = table[hash]!
      table[hash] = (at + 1) | 0
      if (
        inputView.getInt32(match, true) === next &&
        inputView.getInt32((match + 1) | 0, true) === word &&
        at + 1 - match <= MAXIMUM_OFFSET
      ) {
        at = (at + 1) | 0
        break
      }
      next = inputView.getInt32((at + 3) | 0, true)
      hash = (Math.imul(word, HASH_FACTOR) ^ next) >>> HASH_SHIFT
      match = table[hash]!
      table[hash] = (at + 2) | 0
      if (
        inputView.getInt32(match, true) === word &&
        inputView.getInt32((match + 1) | 0, true) === next &&
        at + 2 - match <= MAXIMUM_OFFSET
      ) {
        at = (at + 2) | 0
        break
      }
      word = inputView.getInt32((at + 4) | 0, true)
      hash = (Math.imul(next, HASH_FACTOR) ^ word) >>> HASH_SHIFT
      match = table[hash]!
      table[hash] = (at + 3) | 0
      if (
        inputView.getInt32(match, true) === next &&
        inputView.getInt32((match + 1) | 0, true) === word &&
        at + 3 - match <= MAXIMUM_OFFSET
      ) {
        at = (at + 3) | 0
        break
      }
      // The longer nothing is found the more is skipped: incompressible input must be cheap.
      at = (at + RUN + (misses < LONGEST_SKIP ? misses : LONGEST_SKIP)) | 0
      if (at > lastStart) break sequences
      word = inputView.getInt32(at, true)
    }

    let from = (match + SEARCHED_MATCH) | 0
    let to = (at + SEARCHED_MATCH) | 0
    while (at > anchor && match > 0 && input[(at - 1) | 0] === input[(match - 1) | 0]) {
      at = (at - 1) | 0
      match = (match - 1) | 0
    }

    const literals = (at - anchor) | 0
    if (written + literals + ((literals / 255) | 0) + 16 > limit) return 0
    const tokenAt = written
    let token = literals << 4
    written = (written + 1) | 0
    if (literals >= 15) {
      token = 0xf0
      written = writeLength((literals - 15) | 0, written)
    }
    if (literals > 0) {
      const literalsEnd = (written + literals) | 0
      // Up to seven bytes too many: the next sequence overwrites them.
      while (written < literalsEnd) {
        outputView.setInt32(written, inputView.getInt32(anchor, true), true)
        outputView.setInt32((written + 4) | 0, inputView.getInt32((anchor + 4) | 0, true), true)
        written = (written + 8) | 0
        anchor = (anchor + 8) | 0
      }
      written = literalsEnd
    }
    outputView.setUint16(written, at - match, true)
    written = (written + 2) | 0

    while (to < matchEnd) {
      const difference = inputView.getInt32(to, true) ^ inputView.getInt32(from, true)
      if (difference !== 0) {
        to = (to + ((31 - Math.clz32(difference & -difference)) >> 3)) | 0
        break
      }
      to = (to + 4) | 0
      from = (from + 4) | 0
    }
    if (to > matchEnd) to = matchEnd
    const extra = (to - at - SHORTEST_MATCH) | 0
    if (extra >= 15) {
      if (written + ((extra / 255) | 0) + 8 > limit) return 0
      token |= 15
      written = writeLength((extra - 15) | 0, written)
    } else {
      token |= extra
    }
    output[tokenAt] = token

    anchor = to
    at = to
    const behind = (at - 2) | 0
    hash =
      (Math.imul(inputView.getInt32(behind, true), HASH_FACTOR) ^
        inputView.getInt32((behind + 1) | 0, true)) >>>
      HASH_SHIFT
    table[hash] = behind
  }
  return writeLastLiterals(anchor, end, written, limit)
}

/** What of a length does not fit the token: bytes of 255, and the rest. Returns the new end. */
function writeLength(rest: number, start: number): number {
  let at = start
  while (rest >= 255) {
    output[at] = 255
    at = (at + 1) | 0
    rest = (rest - 255) | 0
  }
  output[at] = rest
  return (at + 1) | 0
}

/** Returns the size of the finished block, or 0. */
function writeLastLiterals(start: number, end: number, written: number, limit: number): number {
  const literals = end - start
  const lengthBytes = literals < 15 ? 0 : 1 + Math.floor((literals - 15) / 255)
  if (written + 1 + lengthBytes + literals > limit) return 0
  output[written] = Math.min(literals, 15) << 4
  const at = literals < 15 ? written + 1 : writeLength(literals - 15, written + 1)
  output.set(input.subarray(start, end), at)
  return at + literals
}
