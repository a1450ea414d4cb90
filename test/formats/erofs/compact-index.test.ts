import { expect, test } from 'vitest'
import { concat } from '../../../src/bytes/concat.ts'
import { fromHex } from '../../../src/bytes/hex.ts'
import { bytesSource } from '../../../src/bytes/source.ts'
import { type Extent, openErofs } from '../../../src/formats/erofs/index.ts'
import { LAYOUT } from '../../../src/formats/erofs/layout.ts'
import { tinyImage } from './tiny-image.ts'

// The index of one file at two places inside a 32-byte slot: a chunk of 64 KiB in 5 blocks at 100,
// two plain blocks, and a last chunk of 8192 + 777 bytes in one block at 107.

const SIZE = 65_536 + 2 * 4096 + 8192 + 777
const HEADER = '0000000007000300'

const ALIGNED = `${HEADER}
  0050012a000e800460016800 1e80086002a8002e800c6003e8000680 64000000
  0000000069000000
  001001286b000000
  0903000000000000`

const SHIFTED = `${HEADER}
  0010052864000000
  02200d2000000000
  04200b2000000000
  0620092000000000
  0820072000000000
  0a20052000000000
  0c20032000000000
  0e20012000000000
  0000000069000000
  001001286b000000
  0903000000000000`

const hex = (text: string) => fromHex(text.replaceAll(/\s/g, ''))!

// 24 bytes of attributes put the index at a multiple of 32.
const XATTRS = hex('00000000 00 00000000000000 01010700 61 31323334353637')

const cases = [
  ['packs of 16 at a boundary', XATTRS, ALIGNED],
  ['packs of 2 before one', new Uint8Array(0), SHIFTED],
] as const

const encoded = { kind: 'encoded', algorithm: 3, partial: false, inline: false } as const
const EXTENTS: Extent[] = [
  { ...encoded, offset: 0, size: 65_536, address: 100 * 4096, encodedSize: 5 * 4096 },
  { kind: 'raw', offset: 65_536, size: 8192, address: 105 * 4096, inline: false },
  { ...encoded, offset: 73_728, size: 8969, address: 107 * 4096, encodedSize: 4096 },
]

test.each(cases)('decodes %s', async (_, xattrs, index) => {
  const { bytes, nids } = tinyImage(
    [
      {
        name: 'file',
        fields: { size: SIZE, layout: LAYOUT.COMPRESSED_COMPACT, xattrSize: xattrs.length },
        body: concat(xattrs, hex(index)),
      },
    ],
    { compression: { algorithm: 'zstd', windowLog: 16 } },
  )
  const erofs = await openErofs(bytesSource(bytes))
  const extents: Extent[] = []
  for await (const extent of erofs.extents(await erofs.inode(nids[0]!))) extents.push(extent)
  expect(extents).toEqual(EXTENTS)
})
