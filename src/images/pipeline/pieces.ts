/**
 * Ranges of contents on their way to a thread: a few arrays instead of thousands of small objects,
 * whose cloning would cost more than reading the files.
 */

import type { Content } from '../../tree/model.ts'

/** A range of content and where it goes in the job's buffer. */
export interface Piece {
  readonly content: Content
  /** Byte range of the content. */
  readonly start: number
  readonly size: number
  /** Offset in the buffer; of no meaning where the job has none, or packs what it makes. */
  readonly at: number
  /** The digest that its bytes must have: a piece of a fill job, and no larger than a block. */
  readonly expected?: Uint8Array | undefined
}

export interface PackedPieces {
  /** Path or bytes of each content. */
  readonly sources: readonly (string | Uint8Array)[]
  /** {@link RANGE_FIELDS} of each piece. */
  readonly ranges: Float64Array
  /** {@link IDENTITY_FIELDS} of each piece; zeros where the content is bytes. */
  readonly identities: BigInt64Array
  /** Digests that pieces must have; undefined where none must have one. */
  readonly expected: readonly (Uint8Array | undefined)[] | undefined
}

/** start, size, at, size of the content, 1 where the content is bytes */
const RANGE_FIELDS = 5
/** device, inode, mtimeNs, ctimeNs */
const IDENTITY_FIELDS = 4

export function packPieces(pieces: readonly Piece[]): PackedPieces {
  const sources: (string | Uint8Array)[] = []
  const ranges = new Float64Array(pieces.length * RANGE_FIELDS)
  const identities = new BigInt64Array(pieces.length * IDENTITY_FIELDS)
  let range = 0
  let identity = 0
  for (const { content, start, size, at } of pieces) {
    ranges[range++] = start
    ranges[range++] = size
    ranges[range++] = at
    ranges[range++] = content.size
    if (content.kind === 'bytes') {
      sources.push(content.bytes)
      ranges[range++] = 1
      identity += IDENTITY_FIELDS
    } else {
      const { device, inode, mtimeNs, ctimeNs } = content.identity
      sources.push(content.path)
      range++
      identities[identity++] = device
      identities[identity++] = inode
      identities[identity++] = mtimeNs
      identities[identity++] = ctimeNs
    }
  }
  const isChecked = pieces.some(({ expected }) => expected)
  const expected = isChecked ? pieces.map((piece) => piece.expected) : undefined
  return { sources, ranges, identities, expected }
}

export function* unpackPieces(packed: PackedPieces): Generator<Piece> {
  const { sources, ranges, identities, expected } = packed
  for (const [index, source] of sources.entries()) {
    const range = index * RANGE_FIELDS
    const size = ranges[range + 3]!
    const identity = index * IDENTITY_FIELDS
    const content: Content =
      ranges[range + 4] === 1 && typeof source !== 'string'
        ? { kind: 'bytes', size, bytes: source }
        : {
            kind: 'file',
            size,
            path: source,
            identity: {
              device: identities[identity]!,
              inode: identities[identity + 1]!,
              mtimeNs: identities[identity + 2]!,
              ctimeNs: identities[identity + 3]!,
            },
          }
    yield {
      content,
      start: ranges[range]!,
      size: ranges[range + 1]!,
      at: ranges[range + 2]!,
      expected: expected?.[index],
    }
  }
}
