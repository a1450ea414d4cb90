import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import {
  deriveIdentity,
  deriveSeed,
  partitionUuid,
  placePartitions,
  placeRegions,
  rootHashUuids,
} from '../../src/formats/ddi/index.ts'
import { gptGeometry } from '../../src/formats/gpt/index.ts'

const SEED = '00112233-4455-6677-8899-aabbccddeeff'
const ROOT_X86_64 = '4f68bce3-e8cd-4db1-96e7-fbcaf984b709'

describe('identity', () => {
  test('of an x86-64 image agrees with systemd-repart', () => {
    const identity = deriveIdentity(SEED, 'x86-64')
    expect({ ...identity, veritySalt: toHex(identity.veritySalt) }).toEqual({
      diskGuid: 'cb0e21c2-5b52-46e4-a3d3-f2d2819576b9',
      filesystemUuid: 'ed5b5a6b-6f8c-4c9b-a6e7-47701bf2ae48',
      verityUuid: '3a460cbc-bf03-4660-bcd6-3cb9e9b0b168',
      veritySalt: '3a46bed60ea28337998f5b5e48176a1fc73ed013804ee7c65db2c5ea63b46da9',
      signaturePartitionUuid: '212a3948-aa09-4545-93a7-395503009e01',
    })
  })

  test('of an arm64 image differs where the partition type matters', () => {
    expect(deriveIdentity(SEED, 'arm64')).toMatchObject({
      diskGuid: 'cb0e21c2-5b52-46e4-a3d3-f2d2819576b9',
      filesystemUuid: 'fca2d489-cdb6-4b84-b040-12f1d8225bda',
      signaturePartitionUuid: '23112485-04fc-452f-b779-8d60b1e231b0',
    })
  })

  test.each([
    ['root-x86-64', ROOT_X86_64, 0, 'bc2eb51a-ffd8-4838-86fa-afa1821fe4d7'],
    [
      'root-x86-64-verity',
      '2c7357ed-ebd2-46d9-aec1-23d437ec2bf5',
      0,
      '45d3c0ed-28b8-4240-ae26-ca12ec5c0e31',
    ],
    [
      'root-arm64',
      'b921b045-1df0-41c3-af44-4c6f280d3fae',
      0,
      'f3c948db-9997-4ba4-ba4d-24386d260124',
    ],
    ['a second root-x86-64', ROOT_X86_64, 1, '31dbe6cd-180d-4672-8243-e5256de561ad'],
  ])('the base UUID of %s', (_, typeGuid, index, uuid) => {
    expect(partitionUuid(SEED, typeGuid, index)).toBe(uuid)
  })

  test('data and hash partition carry the halves of the root hash', () => {
    const rootHash = fromHex('43a008feb23336999cd56aa0d16cf73c32bdb63a70ffa2b6e5953fa35d9426b3')!
    expect(rootHashUuids(rootHash)).toEqual({
      data: '43a008fe-b233-3699-9cd5-6aa0d16cf73c',
      hash: '32bdb63a-70ff-a2b6-e595-3fa35d9426b3',
    })
  })

  test('needs a UUID and an architecture with partition types', () => {
    expect(() => deriveIdentity('hello', 'x86-64')).toThrow(TypeError)
    expect(() => deriveIdentity(SEED, 'amd64')).toThrow(RangeError)
    expect(() => rootHashUuids(new Uint8Array(15))).toThrow(RangeError)
  })
})

describe('the seed nobody gave', () => {
  // Part of the format: other values mean other images for everybody.
  test.each([
    [{ kind: 'sysext', name: 'hello', version: '1.0' }, '1fd80bef-75bf-41aa-8d4c-88b02d4b4dab'],
    [{ kind: 'sysext', name: 'hello' }, 'b8759e40-4dd4-4e7f-bf36-f27dd7617ab5'],
    [{ kind: 'confext', name: 'hello' }, '596d6c22-0645-4e68-a7b2-70d5199dc645'],
  ])('of %j is always the same', (input, seed) => {
    expect(deriveSeed(input)).toBe(seed)
  })

  test('is a random UUID by its looks', () => {
    expect(deriveSeed({ kind: 'a', name: 'b' })).toMatch(/^.{14}4.{4}[89ab]/)
  })

  test('keeps the texts apart', () => {
    const seeds = [
      deriveSeed({ kind: 'sysext', name: 'ab', version: 'c' }),
      deriveSeed({ kind: 'sysext', name: 'a', version: 'bc' }),
      deriveSeed({ kind: 'sysexta', name: 'b', version: 'c' }),
    ]
    expect(new Set(seeds).size).toBe(3)
  })
})

describe('placement', () => {
  type Sectors = readonly [first: number, count: number]
  const rows: readonly (readonly [
    512 | 4096,
    number,
    number,
    number,
    Sectors,
    Sectors,
    Sectors,
  ])[] = [
    [512, 1, 1, 1090048, [40, 1008], [1048, 1016], [2064, 32]],
    [512, 10, 2, 1131008, [40, 1048], [1088, 1056], [2144, 32]],
    [512, 25, 2, 1192448, [40, 1112], [1152, 1112], [2264, 32]],
    [512, 128, 2, 1614336, [40, 1520], [1560, 1528], [3088, 32]],
    [512, 129, 4, 1626624, [40, 1536], [1576, 1536], [3112, 32]],
    [512, 700, 8, 3981824, [40, 5600], [5640, 2072], [7712, 32]],
    [512, 758, 8, 4219392, [2048, 6064], [8112, 64], [8176, 32]],
    [512, 1000, 10, 5218816, [2048, 8000], [10048, 80], [10128, 32]],
    [512, 10000, 81, 42373632, [2048, 80000], [82048, 648], [82696, 32]],
    [4096, 10, 2, 1134592, [6, 131], [137, 131], [268, 4]],
    [4096, 10000, 81, 42377216, [256, 10000], [10256, 81], [10337, 4]],
  ]

  test.each(rows)(
    'with sectors of %i bytes, %i data and %i hash blocks is that of repart',
    (...row) => {
      const [sectorSize, data, hash, imageSize, ...sectors] = row
      const [root, verity, signature] = sectors.map(([firstLba, count]) => ({
        offset: firstLba * sectorSize,
        size: count * sectorSize,
        firstLba,
        lastLba: firstLba + count - 1,
      }))
      const input = { sectorSize, filesystemSize: data * 4096, hashSize: hash * 4096 }
      expect(placePartitions(input)).toEqual({ imageSize, root, verity, signature })
    },
  )

  const anyRequest = fc.record({ size: fc.integer({ min: 0, max: 6_000_000 }) })
  const anySector = fc.constantFrom(512, 1024, 2048, 4096)

  test('keeps every partition aligned, large enough, in order and inside the usable sectors', () => {
    fc.assert(
      fc.property(
        anySector,
        fc.array(anyRequest, { minLength: 1, maxLength: 3 }),
        (sector, requests) => {
          const { imageSize, regions } = placeRegions(sector, requests)
          const geometry = gptGeometry(imageSize, sector)
          let free = geometry.firstUsableLba
          for (const [index, { offset, size, firstLba, lastLba }] of regions.entries()) {
            expect(offset % 4096).toBe(0)
            expect(size % 4096).toBe(0)
            expect(size).toBeGreaterThanOrEqual(Math.max(4096, requests[index]!.size))
            expect(firstLba).toBeGreaterThanOrEqual(free)
            expect(firstLba * sector).toBe(offset)
            free = lastLba + 1
          }
          expect(free - 1).toBeLessThanOrEqual(geometry.lastUsableLba)
        },
      ),
    )
  })

  test('gives a single partition the whole window', () => {
    const { imageSize, regions } = placeRegions(512, [{ size: 4096 }])
    expect(imageSize).toBe(1048576 + 16384 + 512 + 4096)
    expect(regions).toEqual([{ offset: 20480, size: 1032192, firstLba: 40, lastLba: 2055 }])
  })

  test('never gives the signature more than 16384 bytes', () => {
    fc.assert(
      fc.property(anySector, anyRequest, anyRequest, (sectorSize, filesystem, hash) => {
        const { signature } = placePartitions({
          sectorSize,
          filesystemSize: filesystem.size,
          hashSize: hash.size,
        })
        expect(signature.size).toBe(16384)
      }),
    )
  })
})
