import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { concat } from '../../src/bytes/concat.ts'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { decode, encode } from '../../src/bytes/struct.ts'
import { crc32 } from '../../src/crypto/crc32.ts'
import { FormatError } from '../../src/errors.ts'
import {
  decodeGpt,
  encodeGpt,
  type GptInput,
  gptGeometry,
  SECTOR_SIZES,
} from '../../src/formats/gpt/index.ts'
import { GptHeader, PartitionEntry } from '../../src/formats/gpt/layout.ts'

/** What systemd-repart 252 wrote; the headers below are its bytes. */
const REPART_252: GptInput = {
  sectorSize: 512,
  imageSize: 1204224,
  diskGuid: 'cb0e21c2-5b52-46e4-a3d3-f2d2819576b9',
  partitions: [
    {
      typeGuid: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
      partitionGuid: '43a008fe-b233-3699-9cd5-6aa0d16cf73c',
      firstLba: 40,
      lastLba: 1159,
      attributes: 1n << 59n,
      name: 'root-x86-64',
    },
    {
      typeGuid: '2c7357ed-ebd2-46d9-aec1-23d437ec2bf5',
      partitionGuid: '32bdb63a-70ff-a2b6-e595-3fa35d9426b3',
      firstLba: 1160,
      lastLba: 2279,
      attributes: 1n << 60n,
      name: 'root-x86-64-verity',
    },
    {
      typeGuid: '41092b05-9fc8-4523-994f-2def0408b176',
      partitionGuid: '212a3948-aa09-4545-93a7-395503009e01',
      firstLba: 2280,
      lastLba: 2311,
      attributes: 0n,
      name: 'root-x86-64-verity-sig',
    },
  ],
}
const PRIMARY =
  '454649205041525400000100 5c000000 692f2d46 00000000 0100000000000000 2f09000000000000 2200000000000000 0e09000000000000 c2210ecb525be446a3d3f2d2819576b9 0200000000000000 80000000 80000000 abeca53c'
const BACKUP =
  '454649205041525400000100 5c000000 c200d789 00000000 2f09000000000000 0100000000000000 2200000000000000 0e09000000000000 c2210ecb525be446a3d3f2d2819576b9 0f09000000000000 80000000 80000000 abeca53c'

/** A whole file with nothing but its table in it. */
function image(input: GptInput): Uint8Array {
  const { head, tail, tailOffset } = encodeGpt(input)
  const file = new Uint8Array(input.imageSize)
  file.set(head)
  file.set(tail, tailOffset)
  return file
}

/** Recomputes both checksums of a copy after its bytes have been changed. */
function reseal(file: Uint8Array, sectorSize: number, lba: number): void {
  const offset = lba * sectorSize
  const header = decode(GptHeader, file, offset)
  const array = Number(header.partitionEntryLba) * sectorSize
  const size = Math.min(header.numberOfEntries * header.sizeOfEntry, file.length)
  const entriesCrc32 = crc32(file.subarray(array, array + size))
  const bare = encode(GptHeader, { ...header, headerCrc32: 0, entriesCrc32 })
  const headerCrc32 = crc32(bare)
  file.set(encode(GptHeader, { ...header, headerCrc32, entriesCrc32 }), offset)
}

describe('writing', () => {
  test('gives the headers systemd-repart 252 wrote', () => {
    const { head, tail } = encodeGpt(REPART_252)
    expect(toHex(head.subarray(512, 604))).toBe(PRIMARY.replaceAll(' ', ''))
    expect(toHex(tail.subarray(-512, -420))).toBe(BACKUP.replaceAll(' ', ''))
    expect(head.length).toBe(34 * 512)
    expect(tail.length).toBe(33 * 512)
  })

  test('stores type GUIDs in mixed-endian order', () => {
    const { head } = encodeGpt(REPART_252)
    expect(toHex(head.subarray(1024, 1040))).toBe('e3bc684fcde8b14d96e7fbcaf984b709')
  })

  test('writes the protective MBR', () => {
    const { head } = encodeGpt(REPART_252)
    expect(head.subarray(0, 446).every((byte) => byte === 0)).toBe(true)
    expect(toHex(head.subarray(446, 462))).toBe('00000200eeffffff010000002f090000')
    expect(head.subarray(462, 510).every((byte) => byte === 0)).toBe(true)
    expect(toHex(head.subarray(510, 512))).toBe('55aa')
  })

  test.each([
    [512, 4 * 1048576, 34],
    [512, 4 * 1048576 + 512, 2048],
    [4096, 4 * 1048576, 6],
    [4096, 4 * 1048576 + 4096, 256],
  ] as const)(
    'with %i-byte sectors and %i bytes the first usable sector is %i',
    (sector, size, first) => {
      expect(gptGeometry(size, sector).firstUsableLba).toBe(first)
    },
  )

  test('caps the size in the protective MBR of a very large disk', () => {
    const { head } = encodeGpt({ ...REPART_252, imageSize: 2 ** 42, partitions: [] })
    expect(toHex(head.subarray(458, 462))).toBe('ffffffff')
  })

  test.each([
    ['before the first usable sector', [{ firstLba: 33 }]],
    ['after the last usable sector', [{ lastLba: 2319 }]],
    ['backwards', [{ firstLba: 50, lastLba: 49 }]],
    ['over another one', [{}, { firstLba: 1159, lastLba: 1200 }]],
  ])('refuses a partition %s', (_, changes) => {
    const partitions = changes.map((change, index) => ({
      ...REPART_252.partitions[index]!,
      ...change,
    }))
    expect(() => encodeGpt({ ...REPART_252, partitions })).toThrow(RangeError)
  })

  test('refuses a name of more than 36 units', () => {
    const partitions = [{ ...REPART_252.partitions[0]!, name: 'x'.repeat(37) }]
    expect(() => encodeGpt({ ...REPART_252, partitions })).toThrow(RangeError)
  })
})

describe('reading', () => {
  test('inverts writing', async () => {
    const gpt = await decodeGpt(bytesSource(image(REPART_252)))
    expect(gpt.problems).toEqual([])
    expect(gpt).toMatchObject({ sectorSize: 512, diskGuid: REPART_252.diskGuid, copy: 'primary' })
    expect(gpt.partitions).toEqual(
      REPART_252.partitions.map((partition, index) => ({
        ...partition,
        index,
        offset: partition.firstLba * 512,
        size: (partition.lastLba - partition.firstLba + 1) * 512,
      })),
    )
  })

  const anyGuid = fc.uuid()
  const anyInput = fc
    .record({
      sectorSize: fc.constantFrom(...SECTOR_SIZES),
      diskGuid: anyGuid,
      sizes: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }),
      gaps: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 12, maxLength: 12 }),
      guids: fc.uniqueArray(anyGuid, { minLength: 12, maxLength: 12 }),
      names: fc.array(fc.stringMatching(/^[ -~]{0,36}$/), { minLength: 12, maxLength: 12 }),
      attributes: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    })
    .map(({ sectorSize, diskGuid, sizes, gaps, guids, names, attributes }): GptInput => {
      let next = gptGeometry(8 * 1048576, sectorSize).firstUsableLba
      const partitions = sizes.map((size, index) => {
        const firstLba = next + gaps[index]!
        next = firstLba + size
        return {
          typeGuid: '0fc63daf-8483-4772-8e79-3d69d8477de4',
          partitionGuid: guids[index]!,
          firstLba,
          lastLba: next - 1,
          attributes,
          name: names[index]!,
        }
      })
      return { sectorSize, imageSize: 8 * 1048576, diskGuid, partitions }
    })

  test('inverts writing, for any table', async () => {
    await fc.assert(
      fc.asyncProperty(anyInput, async (input) => {
        const gpt = await decodeGpt(bytesSource(image(input)))
        expect(gpt.problems).toEqual([])
        expect(gpt.sectorSize).toBe(input.sectorSize)
        expect(gpt.partitions).toMatchObject(input.partitions)
      }),
      { numRuns: 60 },
    )
  })

  test('gives a value or a FormatError for any bytes', async () => {
    const base = image(REPART_252)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 16 })), {
          maxLength: 6,
        }),
        fc.nat({ max: base.length }),
        async (patches, size) => {
          const file = base.slice(0, size)
          for (const [at, patch] of patches) {
            // Headers and arrays are where it hurts.
            const offset = at % 3 === 0 ? (at % 100) + 512 : at % 17408
            file.set(
              patch.subarray(0, Math.max(0, file.length - offset)),
              Math.min(offset, file.length),
            )
          }
          try {
            const { partitions } = await decodeGpt(bytesSource(file))
            for (const { offset, size: length } of partitions) {
              expect(offset + length).toBeLessThanOrEqual(file.length)
            }
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('a flipped bit', () => {
  let base: Uint8Array
  beforeAll(() => {
    base = image(REPART_252)
  })

  async function problemsOf(offset: number, bit: number) {
    base[offset]! ^= 1 << bit
    try {
      const { problems } = await decodeGpt(bytesSource(base))
      return problems
    } finally {
      base[offset]! ^= 1 << bit
    }
  }

  test.each([
    ['the protective MBR', 0, 512],
    ['the primary header', 512, 604],
    ['the first primary entries', 1024, 1024 + 3 * 128],
    ['the first backup entries', 1204224 - 33 * 512, 1204224 - 33 * 512 + 3 * 128],
    ['the backup header', 1204224 - 512, 1204224 - 420],
  ])('is found wherever it is in %s', async (_, start, end) => {
    for (let offset = start; offset < end; offset++) {
      for (let bit = 0; bit < 8; bit++) {
        const problems = await problemsOf(offset, bit)
        expect(problems.length, `byte ${offset} bit ${bit}`).toBeGreaterThan(0)
      }
    }
  })

  test.each([
    ['after the primary header', 604, 1024],
    ['in the unused primary entries', 1024 + 3 * 128, 17408],
    ['in the unused backup entries', 1204224 - 33 * 512 + 3 * 128, 1204224 - 512],
    ['after the backup header', 1204224 - 420, 1204224],
  ])('is found in the zeros %s', async (_, start, end) => {
    for (let offset = start; offset < end; offset += 5) {
      const problems = await problemsOf(offset, offset % 8)
      expect(problems.length, `byte ${offset}`).toBeGreaterThan(0)
    }
  })

  test('is named with structure, field, values and place', async () => {
    expect(await problemsOf(512 + 56, 0)).toEqual([
      {
        structure: 'primary header',
        field: 'headerCrc32',
        expected: expect.stringMatching(/^0x[0-9a-f]+$/),
        found: '0x462d2f69',
        offset: 528,
      },
      {
        structure: 'primary header',
        field: 'diskGuid',
        expected: '"cb0e21c2-5b52-46e4-a3d3-f2d2819576b9"',
        found: '"cb0e21c3-5b52-46e4-a3d3-f2d2819576b9"',
        offset: 568,
      },
    ])
  })

  test('in the backup array is named by its entry', async () => {
    const problems = await problemsOf(1204224 - 33 * 512 + 128 + 56, 1)
    expect(problems.map(({ structure, field }) => `${structure}: ${field}`)).toEqual([
      'backup header: entriesCrc32',
      'backup entries: entry 1 name',
    ])
  })
})

describe('a broken copy', () => {
  test('of the primary header leads to the backup', async () => {
    const file = image(REPART_252)
    file.fill(0, 512, 1024)
    const gpt = await decodeGpt(bytesSource(file))
    expect(gpt.copy).toBe('backup')
    expect(gpt.partitions).toHaveLength(3)
    expect(gpt.problems).toContainEqual(
      expect.objectContaining({ structure: 'primary header', field: 'signature', offset: 512 }),
    )
  })

  test('of the backup is a problem and no obstacle', async () => {
    const file = image(REPART_252).subarray(0, 1204224 - 512)
    const gpt = await decodeGpt(bytesSource(file))
    expect(gpt.partitions).toHaveLength(3)
    expect(gpt.problems).toContainEqual(
      expect.objectContaining({ structure: 'backup header', field: 'signature' }),
    )
  })

  test('with correct checksums is still found to differ', async () => {
    const file = image(REPART_252)
    file[1204224 - 33 * 512 + 20]! ^= 1
    reseal(file, 512, 2351)
    const { problems } = await decodeGpt(bytesSource(file))
    expect(problems).toContainEqual(
      expect.objectContaining({ structure: 'backup entries', field: 'entry 0 partitionGuid' }),
    )
  })
})

describe('what libblkid makes of a header', () => {
  /** The headers changed and sealed again, in both copies or in one. */
  function withHeaders(change: Partial<GptHeader>, lbas: readonly number[] = [1, 2351]) {
    const file = image(REPART_252)
    for (const lba of lbas) {
      const header = decode(GptHeader, file, lba * 512)
      file.set(encode(GptHeader, { ...header, ...change }), lba * 512)
      reseal(file, 512, lba)
    }
    return decodeGpt(bytesSource(file))
  }

  test('usable sectors around the primary header: it takes the backup, and that is a problem', async () => {
    const { copy, refusal, problems } = await withHeaders({ firstUsableLba: 0n })
    expect([copy, refusal]).toEqual(['backup', undefined])
    const field = { structure: 'primary header', field: 'firstUsableLba', offset: 512 + 40 }
    expect(problems).toEqual([expect.objectContaining(field)])
  })

  test('usable sectors that begin with the primary header: it takes it', async () => {
    expect(await withHeaders({ firstUsableLba: 1n })).toMatchObject({ copy: 'primary' })
  })

  test('around both: neither', async () => {
    const { refusal } = await withHeaders({ firstUsableLba: 0n, lastUsableLba: 2352n })
    expect(refusal).toBe('neither copy of the partition table is sound')
  })

  test('entries in a sector whose offset does not fit into 64 bits: where the rest leads', async () => {
    const file = image(REPART_252)
    const header = decode(GptHeader, file, 512)
    const partitionEntryLba = header.partitionEntryLba + (1n << 55n)
    const wrapped = { ...header, partitionEntryLba, headerCrc32: 0 }
    file.set(encode(GptHeader, { ...wrapped, headerCrc32: crc32(encode(GptHeader, wrapped)) }), 512)
    const { copy, problems } = await decodeGpt(bytesSource(file))
    expect(copy).toBe('primary')
    expect(problems).toEqual([expect.objectContaining({ field: 'partitionEntryLba' })])
  })

  test('sectors of another size that only the backup shows: none', async () => {
    const file = image({ ...REPART_252, sectorSize: 4096, partitions: [] })
    file.fill(0, 4096, 4096 + 512)
    const { sectorSize, refusal } = await decodeGpt(bytesSource(file))
    expect([sectorSize, refusal]).toEqual([4096, expect.stringContaining('no primary header')])
  })
})

describe('a table with correct checksums', () => {
  /** Changes both copies of the table and seals them again. */
  function forge(change: (entry: PartitionEntry, index: number) => PartitionEntry): Uint8Array {
    const file = image(REPART_252)
    for (const [array, header] of [
      [1024, 1],
      [1204224 - 33 * 512, 2351],
    ] as const) {
      for (let index = 0; index < 3; index++) {
        const entry = decode(PartitionEntry, file, array + index * 128)
        file.set(encode(PartitionEntry, change(entry, index)), array + index * 128)
      }
      reseal(file, 512, header)
    }
    return file
  }

  test.each([
    ['overlaps', 1, { firstLba: 1159n }, 'entry 1 firstLba'],
    ['starts before the usable sectors', 0, { firstLba: 33n }, 'entry 0 range'],
    ['ends after the usable sectors', 2, { lastLba: 2319n }, 'entry 2 range'],
    ['ends after the file', 2, { lastLba: 1n << 60n }, 'entry 2 range'],
    ['runs backwards', 2, { lastLba: 1n }, 'entry 2 range'],
    [
      'repeats a GUID',
      1,
      { partitionGuid: '43a008fe-b233-3699-9cd5-6aa0d16cf73c' },
      'entry 1 partitionGuid',
    ],
  ])('and a partition that %s', async (_, which, change, field) => {
    const file = forge((entry, index) => (index === which ? { ...entry, ...change } : entry))
    const { problems } = await decodeGpt(bytesSource(file))
    expect(problems.map((problem) => problem.field)).toEqual([field])
  })

  test.each([
    ['reserved', 20],
    ['rest of the sector', 200],
  ])('and a header that is not zero in %s', async (field, at) => {
    const file = image(REPART_252)
    file[512 + at] = 1
    reseal(file, 512, 1)
    const { problems } = await decodeGpt(bytesSource(file))
    expect(problems).toContainEqual(expect.objectContaining({ structure: 'primary header', field }))
  })

  test('and something hidden behind the end of a name', async () => {
    const file = image(REPART_252)
    for (const array of [1024, 1204224 - 33 * 512]) file[array + 127] = 0x41
    reseal(file, 512, 1)
    reseal(file, 512, 2351)
    const { problems } = await decodeGpt(bytesSource(file))
    expect(problems.map(({ structure, field }) => `${structure}: ${field}`)).toEqual([
      'primary entries: entry 0 name',
      'backup entries: entry 0 name',
    ])
  })

  test('and an entry that is not in use but not empty either', async () => {
    const file = image(REPART_252)
    file[1024 + 5 * 128 + 40] = 7
    reseal(file, 512, 1)
    const { problems } = await decodeGpt(bytesSource(file))
    expect(problems).toContainEqual(
      expect.objectContaining({ structure: 'primary entries', field: 'entry 5 lastLba' }),
    )
  })

  test('in a file with bytes after its end', async () => {
    const { problems } = await decodeGpt(bytesSource(concat(image(REPART_252), fromHex('00')!)))
    expect(problems.map(({ structure, field }) => `${structure}: ${field}`)).toEqual(['file: size'])
  })

  test('may start its partitions later than libfdisk would', async () => {
    const large = { ...REPART_252, imageSize: 8 * 1048576, partitions: [] }
    const file = image(large)
    const sectors = file.length / 512
    for (const lba of [1, sectors - 1]) {
      const header = decode(GptHeader, file, lba * 512)
      file.set(encode(GptHeader, { ...header, firstUsableLba: 34n }), lba * 512)
      reseal(file, 512, lba)
    }
    const gpt = await decodeGpt(bytesSource(file))
    expect(gpt.problems).toEqual([])
    expect(gpt.firstUsableLba).toBe(34n)
  })
})

describe('no table at all', () => {
  test.each([
    ['an empty file', new Uint8Array(0), 'TRUNCATED'],
    ['a file of 8191 bytes', new Uint8Array(8191), 'TRUNCATED'],
    ['a file of zeros', new Uint8Array(65536), 'BAD_MAGIC'],
  ])('in %s', async (_, file, code) => {
    await expect(decodeGpt(bytesSource(file))).rejects.toMatchObject({ format: 'gpt', code })
  })

  test('where headers for two sector sizes compete', async () => {
    const file = image(REPART_252)
    file.set(file.subarray(512, 604), 4096)
    await expect(decodeGpt(bytesSource(file))).rejects.toMatchObject({ code: 'BAD_VALUE' })
  })

  test.each([
    ['sizeOfEntry', { sizeOfEntry: 256 }],
    ['numberOfEntries', { numberOfEntries: 1025 }],
    ['partitionEntryLba', { partitionEntryLba: 1n << 54n }],
  ])('where %s is senseless in both headers', async (_, change) => {
    const file = image(REPART_252)
    for (const lba of [1, 2351]) {
      const header = decode(GptHeader, file, lba * 512)
      file.set(encode(GptHeader, { ...header, ...change }), lba * 512)
    }
    await expect(decodeGpt(bytesSource(file))).rejects.toMatchObject({ code: 'BAD_VALUE' })
  })
})
