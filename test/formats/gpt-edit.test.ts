import { describe, expect, test } from 'vitest'
import { concat } from '../../src/bytes/concat.ts'
import { type Patch, patchedSource } from '../../src/bytes/patch.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { decodeGpt, editGpt, encodeGpt } from '../../src/formats/gpt/index.ts'

const MIB = 1 << 20
const partition = (firstLba: number, lastLba: number, id: number) => ({
  typeGuid: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
  partitionGuid: `00000000-0000-4000-8000-00000000000${id}`,
  firstLba,
  lastLba,
  attributes: 1n << 60n,
  name: `partition ${id}`,
})

function table(sectorSize: 512 | 4096): Uint8Array {
  const { head, tail, tailOffset } = encodeGpt({
    sectorSize,
    imageSize: MIB,
    diskGuid: '11111111-2222-4333-8444-555555555555',
    partitions: [partition(40, 47, 1), partition(48, 55, 2)],
  })
  return concat(head, new Uint8Array(tailOffset - head.length), tail)
}

const added = partition(64, 95, 3)
const sizes = [MIB, MIB + 65_536]

describe.each([512, 4096] as const)('sectors of %d', (sectorSize) => {
  test.each(sizes)('an entry is added to a table in a file of then %d bytes', async (imageSize) => {
    const source = bytesSource(table(sectorSize))
    const gpt = await decodeGpt(source)
    const edited = await editGpt(source, { gpt, index: 2, partition: added, imageSize })
    const patches = [...edited.backup, ...edited.primary]
    const result = await decodeGpt(patchedSource(source, patches, imageSize))
    expect(result.problems).toEqual([])
    expect(result.refusal).toBeUndefined()
    expect(result.partitions.map(({ name }) => name)).toEqual([
      'partition 1',
      'partition 2',
      'partition 3',
    ])
    expect(result.diskGuid).toBe(gpt.diskGuid)
  })

  test('an entry is replaced, and the others stay', async () => {
    const source = bytesSource(table(sectorSize))
    const gpt = await decodeGpt(source)
    const edit = { gpt, index: 0, partition: partition(41, 46, 9), imageSize: MIB }
    const { backup, primary } = await editGpt(source, edit)
    const result = await decodeGpt(patchedSource(source, [...backup, ...primary], MIB))
    expect(result.problems).toEqual([])
    expect(result.partitions.map(({ name }) => name)).toEqual(['partition 9', 'partition 2'])
  })

  test.each(sizes)(
    'readers find the old or the new table after every sector: %d',
    async (imageSize) => {
      const source = bytesSource(table(sectorSize))
      const gpt = await decodeGpt(source)
      const edited = await editGpt(source, { gpt, index: 2, partition: added, imageSize })
      const patches = [...edited.backup, ...edited.primary]
      const sectors = patches.flatMap(splitSectors)
      let seen = 2
      for (let count = 0; count <= sectors.length; count++) {
        const torn = patchedSource(source, sectors.slice(0, count), imageSize)
        const { refusal, partitions } = await decodeGpt(torn)
        expect(refusal).toBeUndefined()
        expect([seen, 3]).toContain(partitions.length)
        seen = partitions.length
      }
      expect(seen).toBe(3)
    },
  )

  test('a table with problems is left alone', async () => {
    const bytes = table(sectorSize)
    bytes[bytes.length - 1] = 1
    const gpt = await decodeGpt(bytesSource(bytes))
    const edit = { gpt, index: 2, partition: added, imageSize: MIB }
    await expect(editGpt(bytesSource(bytes), edit)).rejects.toThrow(RangeError)
  })
})

test.each([
  [128, MIB],
  [2, MIB - 4096],
])('entry %d of a file of %d bytes cannot be changed', async (index, imageSize) => {
  const source = bytesSource(table(512))
  const gpt = await decodeGpt(source)
  await expect(editGpt(source, { gpt, index, partition: added, imageSize })).rejects.toThrow(
    RangeError,
  )
})

/** A patch as the disk writes it. */
function splitSectors({ offset, bytes }: Patch): Patch[] {
  const parts: Patch[] = []
  for (let start = 0; start < bytes.length; ) {
    const size = Math.min(bytes.length - start, 512 - ((offset + start) % 512))
    parts.push({ offset: offset + start, bytes: bytes.subarray(start, start + size) })
    start += size
  }
  return parts
}
