/**
 * The outside of a zstd frame: header and block headers, RFC 8878 §3.1.1. Read before any decoder
 * sees the frame, because decoders believe what it says about sizes.
 */

import { FormatError } from '../errors.ts'

export interface ZstdFrame {
  /** Bytes a decoder needs to look back. */
  readonly windowSize: number
  /** Bytes the frame decodes to, when its header says so. */
  readonly contentSize: number | undefined
}

const MAGIC = 0xfd2fb528
const CHECKSUM_SIZE = 4
/** Types of blocks, RFC 8878 §3.1.1.2. */
const RLE_BLOCK = 1
const RESERVED_BLOCK = 3

/**
 * Checks that `bytes` are exactly one complete frame without a dictionary.
 *
 * @throws FormatError naming the first byte that is wrong.
 */
export function parseZstdFrame(bytes: Uint8Array): ZstdFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { frame, size } = parseHeader(view)
  let at = size
  for (let last = false; !last; ) {
    demand(view, at, 3)
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    last = (header & 1) === 1
    const type = (header >> 1) & 3
    if (type === RESERVED_BLOCK) fail('block of the reserved type', at)
    at += 3
    const stored = type === RLE_BLOCK ? 1 : header >> 3
    demand(view, at, stored)
    at += stored
  }
  if (view.getUint8(4) & 4) {
    demand(view, at, CHECKSUM_SIZE)
    at += CHECKSUM_SIZE
  }
  if (at < bytes.length) fail('bytes behind the frame', at)
  return frame
}

/** Frame_Header, RFC 8878 §3.1.1.1, and how long it is with the magic number. */
function parseHeader(view: DataView): { readonly frame: ZstdFrame; readonly size: number } {
  demand(view, 0, 5)
  const magic = view.getUint32(0, true)
  if (magic !== MAGIC) {
    throw new FormatError('zstd', 'BAD_MAGIC', `magic is 0x${magic.toString(16)}`, { offset: 0 })
  }
  const descriptor = view.getUint8(4)
  if (descriptor & 8) fail('reserved bit of the frame header is set', 4)
  if (descriptor & 3) fail('frame needs a dictionary', 4)
  const singleSegment = (descriptor & 0x20) !== 0
  const contentSizeAt = singleSegment ? 5 : 6
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!
  const size = contentSizeAt + contentSizeBytes
  demand(view, 0, size)
  const contentSize = readContentSize(view, contentSizeAt, contentSizeBytes)
  const windowSize = singleSegment ? (contentSize ?? 0) : decodeWindow(view.getUint8(5))
  return { frame: { windowSize, contentSize }, size }
}

function readContentSize(view: DataView, at: number, bytes: number): number | undefined {
  switch (bytes) {
    case 0:
      return undefined
    case 1:
      return view.getUint8(at)
    case 2:
      return view.getUint16(at, true) + 256
    case 4:
      return view.getUint32(at, true)
    default:
      // Beyond 2^53 the sum is not exact, and far above every ceiling.
      return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)
  }
}

/** Window_Descriptor, RFC 8878 §3.1.1.1.2. */
function decodeWindow(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

function demand(view: DataView, at: number, size: number): void {
  if (at + size > view.byteLength) {
    throw new FormatError('zstd', 'TRUNCATED', 'frame ends early', { offset: view.byteLength })
  }
}

function fail(what: string, offset: number): never {
  throw new FormatError('zstd', 'BAD_VALUE', what, { offset })
}
