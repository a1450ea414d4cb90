import { describe, expect, test } from 'vitest'
import { concat } from '../../../src/bytes/concat.ts'
import { toHex } from '../../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { sha256 } from '../../../src/crypto/sha256.ts'
import {
  type ExtraArchiveOptions,
  type ExtraTarget,
  encodeExtraArchive,
} from '../../../src/formats/cpio/extra-archive.ts'

type Files = Readonly<Record<string, string>>

async function archive(
  target: ExtraTarget,
  files: Files,
  options?: ExtraArchiveOptions,
): Promise<Uint8Array> {
  const list = Object.entries(files).map(([name, text]) => ({
    name,
    size: text.length,
    async *read() {
      yield encodeUtf8(text)
    },
  }))
  const pieces: Uint8Array[] = []
  for await (const piece of encodeExtraArchive(target, list, options)) pieces.push(piece)
  return concat(...pieces)
}

/** The headers of an archive, read field by field: the name, and the first fields in hexadecimal. */
function entriesOf(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1')
  const entries: string[] = []
  for (let at = 0; at < text.length; ) {
    const field = (index: number) => text.slice(at + 6 + 8 * index, at + 14 + 8 * index)
    expect(text.slice(at, at + 6)).toBe('070701')
    const nameSize = Number.parseInt(field(11), 16)
    const name = text.slice(at + 110, at + 110 + nameSize - 1)
    entries.push(`${name} ${field(0)} ${field(1)} ${field(6)}`)
    const align = (value: number) => Math.ceil(value / 4) * 4
    at = align(align(at + 110 + nameSize) + Number.parseInt(field(6), 16))
  }
  return entries
}

test('two credentials give the archive that systemd-stub measures', async () => {
  const bytes = await archive('credentials', { 'a.cred': 'AAAA', 'b.cred': 'hello world!\n' })
  expect(bytes.length).toBe(668)
  expect(toHex(sha256(bytes))).toBe(
    '6857475afe5f37350b0f6c7f2653755e0249819b29d2e32c6aa5da537215354b',
  )
  expect(entriesOf(bytes)).toEqual([
    '.extra 00000001 0000416d 00000000',
    '.extra/credentials 00000002 00004140 00000000',
    '.extra/credentials/a.cred 00000003 00008100 00000004',
    '.extra/credentials/b.cred 00000004 00008100 0000000d',
    'TRAILER!!! 00000000 00000000 00000000',
  ])
})

test('the trailer has 124 bytes and one capital letter', async () => {
  const bytes = await archive('sysext', { 'a.raw': '' })
  const trailer = Buffer.from(bytes.slice(-124)).toString('latin1')
  expect(trailer).toBe(
    `070701${'0'.repeat(32)}00000001${'0'.repeat(48)}0000000B00000000TRAILER!!!\0\0\0\0`,
  )
})

test.each([
  ['credentials', '00004140', '00008100'],
  ['global_credentials', '00004140', '00008100'],
  ['sysext', '0000416d', '00008124'],
  ['global_sysext', '0000416d', '00008124'],
  ['confext', '0000416d', '00008124'],
  ['global_confext', '0000416d', '00008124'],
] as const)('%s have folders of mode %s and files of mode %s', async (target, folder, file) => {
  expect(entriesOf(await archive(target, { 'Foo.X': 'abc' }))).toEqual([
    '.extra 00000001 0000416d 00000000',
    `.extra/${target} 00000002 ${folder} 00000000`,
    `.extra/${target}/Foo.X 00000003 ${file} 00000003`,
    'TRAILER!!! 00000000 00000000 00000000',
  ])
})

test('systemd-boot repeats the folders, and goes on counting', async () => {
  const options = { firstInode: 7, repeatsFolders: true }
  const bytes = await archive('confext', { 'a.confext.raw': 'a', 'b.confext.raw': '' }, options)
  expect(entriesOf(bytes).map((entry) => entry.slice(0, -18))).toEqual([
    '.extra 00000007',
    '.extra/confext 00000008',
    '.extra/confext/a.confext.raw 00000009',
    '.extra 0000000a',
    '.extra/confext 0000000b',
    '.extra/confext/b.confext.raw 0000000c',
    'TRAILER!!! 00000000',
  ])
})

describe('padding', () => {
  test.each(Array.from({ length: 9 }, (_, size) => [size]))(
    'of a file of %i bytes and a name of as many more',
    async (size) => {
      const name = `${'n'.repeat(size + 1)}.cred`
      const bytes = await archive('credentials', { [name]: 'x'.repeat(size) })
      expect(bytes.length % 4).toBe(0)
      expect(entriesOf(bytes)).toContain(
        `.extra/credentials/${name} 00000003 00008100 0000000${size}`,
      )
    },
  )
})

test('a file is passed on as it comes, and one of 4 GiB refused before it is read', async () => {
  const piece = new Uint8Array(1024)
  const file = (size: number) => ({
    name: 'a.raw',
    size,
    async *read() {
      for (let done = 0; done < size; done += piece.length) yield piece
    },
  })
  const pieces: Uint8Array[] = []
  for await (const each of encodeExtraArchive('sysext', [file(2048)])) pieces.push(each)
  expect(pieces.filter((each) => each === piece)).toHaveLength(2)
  const all = async () => {
    for await (const _ of encodeExtraArchive('sysext', [file(2 ** 32)]));
  }
  await expect(all()).rejects.toThrow('cpio: a.raw has 4294967296 bytes, at most 4294967295')
})
