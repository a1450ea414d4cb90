import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openFileSource } from '../../src/files/file-source.ts'
import { authenticodeDigest } from '../../src/formats/pe/authenticode.ts'
import { openPe } from '../../src/formats/pe/decode.ts'
import { pcrlockFiles } from '../../src/policies/pcrlock.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { makePe, type Sections, ukiSections, writeFiles } from './boot-files.ts'

const folder = temporaryFolder()
const EXTRA = 'EFI/Linux/linux.efi.extra.d'

/** PCR and SHA-256 of every record. */
const records = (text: string) =>
  JSON.parse(text).records.map(({ pcr, digests }: { pcr: number; digests: Digest[] }) => {
    return `${pcr} ${digests.find(({ hashAlg }) => hashAlg === 'sha256')?.digest}`
  })
interface Digest {
  readonly hashAlg: string
  readonly digest: string
}
const hash = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')

async function authenticode(path: string): Promise<string> {
  const source = await openFileSource(path)
  const digest = await authenticodeDigest(await openPe(source), 'sha256')
  await source.close()
  return Buffer.from(digest).toString('hex')
}

test('a UKI is one variant: PCR 4, then names and contents', async () => {
  writeFiles(folder, { 'a+3-1.efi': makePe(ukiSections(262)) })
  const uki = join(folder, 'a+3-1.efi')
  const files = await pcrlockFiles({ uki })
  expect(files.map(({ path }) => path)).toEqual(['650-uki.pcrlock.d/a-profile0.pcrlock'])
  expect(files[0]!.text).toMatch(
    /^\{"records":\[\{"pcr":4,"digests":\[\{"hashAlg":"sha1",.*\]\}\n$/,
  )
  expect(records(files[0]!.text)).toEqual([
    `4 ${await authenticode(uki)}`,
    `11 ${hash('.linux\0')}`,
    `11 ${hash('HALLO\n')}`,
    `11 ${hash('.osrel\0')}`,
    `11 ${hash('ID=test\n')}`,
  ])
  expect(Object.keys(JSON.parse(files[0]!.text).records[1].digests)).toHaveLength(4)
})

describe('profiles and choices are variants', () => {
  const sections: Sections = [
    ...ukiSections(262, [['.dtbauto', 'tree']]),
    ['.profile', 'ID=a'],
    ['.profile', 'ID=b'],
    ['.cmdline', 'b'],
  ]
  writeFiles(folder, { 'many/many.efi': makePe(sections) })
  const uki = join(folder, 'many/many.efi')

  test('all of them', async () => {
    const files = await pcrlockFiles({ uki, banks: ['sha256'], esp: folder })
    expect(files.map(({ path }) => path)).toEqual([
      '650-uki.pcrlock.d/many-profile0-variant0.pcrlock',
      '650-uki.pcrlock.d/many-profile0-variant1.pcrlock',
      '655-uki-files.pcrlock.d/many-profile0.pcrlock',
      '650-uki.pcrlock.d/many-profile1-variant0.pcrlock',
      '650-uki.pcrlock.d/many-profile1-variant1.pcrlock',
      '655-uki-files.pcrlock.d/many-profile1.pcrlock',
    ])
    expect(new Set(files.map(({ text }) => text)).size).toBe(6)
    const utf16 = (text: string) => hash(Buffer.from(`${text}\0`, 'utf16le'))
    expect(records(files[2]!.text)).toEqual([])
    expect(records(files[5]!.text)).toEqual([`12 ${utf16('@1')}`, `12 ${utf16('1')}`])
  })

  test('or one profile', async () => {
    const files = await pcrlockFiles({ uki, banks: ['sha256'], profile: 1 })
    expect(files.map(({ path }) => path)).toEqual([
      '650-uki.pcrlock.d/many-profile1-variant0.pcrlock',
      '650-uki.pcrlock.d/many-profile1-variant1.pcrlock',
    ])
    await expect(pcrlockFiles({ uki, profile: 2 })).rejects.toMatchObject({ code: 'NO_PROFILE' })
  })
})

test('files beside it come with the addons that firmware loads', async () => {
  const esp = writeFiles(join(folder, 'esp'), {
    'EFI/Linux/linux.efi': makePe(ukiSections(262, [['.uname', '6.1']])),
    [`${EXTRA}/a.addon.efi`]: makePe([['.cmdline', 'x']], { signed: true }),
    [`${EXTRA}/b.addon.efi`]: makePe(
      [
        ['.cmdline', 'y'],
        ['.uname', '6.2'],
      ],
      { signed: true },
    ),
    [`${EXTRA}/c.addon.efi`]: 'not loaded',
    [`${EXTRA}/d.raw`]: 'z',
  })
  const uki = join(esp, 'EFI/Linux/linux.efi')
  const files = await pcrlockFiles({ uki, esp, banks: ['sha256'] })
  const beside = records(files[1]!.text)
  expect(beside.slice(0, 3)).toEqual([
    `4 ${await authenticode(join(esp, EXTRA, 'a.addon.efi'))}`,
    `4 ${await authenticode(join(esp, EXTRA, 'b.addon.efi'))}`,
    `12 ${hash(Buffer.from('x\0', 'utf16le'))}`,
  ])
  expect(beside).toHaveLength(4)
  expect(beside[3]).toMatch(/^13 /)
})
