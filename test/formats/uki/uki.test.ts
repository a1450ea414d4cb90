import { describe, expect, test } from 'vitest'
import { bytesSource } from '../../../src/bytes/source.ts'
import { openPe } from '../../../src/formats/pe/index.ts'
import {
  isAddon,
  isUki,
  openUki,
  readStubVersion,
  splitProfiles,
  type UkiOptions,
} from '../../../src/formats/uki/index.ts'
import { type MadeSection, magicOf, makePe, makeUki, type PeOptions } from '../../support/pe.ts'

type Options = PeOptions & UkiOptions & { readonly stub?: string }

const pe = (bytes: Uint8Array) => openPe(bytesSource(bytes))
const uki = async (sections: readonly MadeSection[], options: Options = {}) =>
  openUki(await pe(makeUki(sections, options)), options)

const section = (name: string, content = name) => ({ name, content })
const profile = (id: string) => section('.profile', `ID=${id}\n`)

/** Names of what is measured, each with the number of its section in the file. */
async function measured(sections: readonly MadeSection[], options: Options = {}) {
  const { profiles } = await uki(sections, options)
  return profiles.map(({ variants }) =>
    variants.map((variant) =>
      variant.sections.map(({ name, index }) => `${name} ${index}`).join(' '),
    ),
  )
}

describe('the version of the stub', () => {
  test.each([
    ['262~devel', 262],
    ['257.13-1~deb13u1', 257],
    ['255 (255.4-1ubuntu8)', 255],
  ])('%s is %i', async (text, major) => {
    expect(await readStubVersion(await pe(makeUki([], { stub: text })))).toEqual({
      program: 'systemd-stub',
      text,
      major,
    })
  })

  test('is refused where it cannot be made out', async () => {
    const broken = makePe([section('.sdmagic', 'hello')])
    await expect(readStubVersion(await pe(broken))).rejects.toThrow('does not name a program')
  })

  test('is missing in an image that does not say it, and can be given', async () => {
    const bytes = makePe([section('.linux'), section('.osrel')])
    await expect(openUki(await pe(bytes))).rejects.toThrow('no .sdmagic')
    expect(await openUki(await pe(bytes), { stubVersion: 255 })).toMatchObject({ stubMajor: 255 })
  })

  test('is at least 252', async () => {
    await expect(uki([], { stub: '251' })).rejects.toThrow('PCR 11 is measured since 252')
  })
})

describe('an image', () => {
  test('with kernel and os-release is a UKI', async () => {
    const image = await pe(makeUki())
    expect([isUki(image), isAddon(image)]).toEqual([true, false])
  })

  test('with a command line alone is an addon', async () => {
    const image = await pe(makePe([magicOf('257', 'systemd-addon'), section('.cmdline')]))
    expect([isUki(image), isAddon(image)]).toEqual([false, true])
    await expect(openUki(image)).rejects.toThrow('it is an addon')
  })

  test('that is no EFI application is neither', async () => {
    const image = await pe(makeUki([], { subsystem: 3 }))
    expect([isUki(image), isAddon(image)]).toEqual([false, false])
    await expect(openUki(image)).rejects.toThrow('subsystem 3')
  })
})

describe('what is measured', () => {
  const all = [
    '.efifw',
    '.hwids',
    '.sbat',
    '.uname',
    '.dtb',
    '.ucode',
    '.initrd',
    '.pcrsig',
    '.pcrpkey',
  ]

  test('is in the order of systemd, and never .pcrsig', async () => {
    const [[chosen]] = (await measured(all.map((name) => section(name)))) as [string[]]
    expect(chosen).toBe(
      '.linux 2 .osrel 1 .initrd 9 .ucode 8 .dtb 7 .uname 6 .sbat 5 .pcrpkey 11 .hwids 4 .efifw 3',
    )
  })

  test.each([
    ['252', '.linux 2 .osrel 1 .initrd 9 .dtb 7 .pcrpkey 11'],
    ['254.2', '.linux 2 .osrel 1 .initrd 9 .dtb 7 .uname 6 .sbat 5 .pcrpkey 11'],
    ['256', '.linux 2 .osrel 1 .initrd 9 .ucode 8 .dtb 7 .uname 6 .sbat 5 .pcrpkey 11'],
    ['257', '.linux 2 .osrel 1 .initrd 9 .ucode 8 .dtb 7 .uname 6 .sbat 5 .pcrpkey 11 .hwids 4'],
  ])('is what stub %s knows', async (stub, names) => {
    expect(
      await measured(
        all.map((name) => section(name)),
        { stub },
      ),
    ).toEqual([[names]])
  })

  test('leaves empty sections out', async () => {
    expect(await measured([section('.initrd', '')])).toEqual([['.linux 2 .osrel 1']])
  })

  test('is the first section of a name', async () => {
    expect(await measured([section('.initrd', 'a'), section('.initrd', 'b')])).toEqual([
      ['.linux 2 .osrel 1 .initrd 3'],
    ])
  })

  test('is not told for a stub that takes the last section of a name', async () => {
    const twice = [section('.initrd', 'a'), section('.initrd', 'b')]
    await expect(uki(twice, { stub: '256' })).rejects.toThrow('two sections .initrd')
  })
})

describe('profiles', () => {
  const image = [
    section('.cmdline', 'base'),
    section('.pcrsig', 'base'),
    profile('one'),
    section('.pcrsig', 'one'),
    profile('two'),
    section('.cmdline', 'two'),
    profile('three'),
    section('.cmdline', ''),
  ]

  test('take the place of the base, section by section, an empty one too', async () => {
    expect(await measured(image)).toEqual([
      ['.linux 2 .osrel 1 .cmdline 3 .profile 5'],
      ['.linux 2 .osrel 1 .cmdline 8 .profile 7'],
      ['.linux 2 .osrel 1 .profile 9'],
    ])
  })

  test('have a .pcrsig of their own, or that of the base', async () => {
    const { profiles } = await uki(image)
    expect(
      profiles.map(({ number, signatureSection }) => [number, signatureSection?.index]),
    ).toEqual([
      [0, 6],
      [1, 4],
      [2, 4],
    ])
  })

  test('are nothing that a stub before 257 knows', async () => {
    await expect(uki(image, { stub: '256.7' })).rejects.toThrow('knows no profiles')
  })

  test('are at most 256', async () => {
    const image = await pe(makeUki([profile('one')]))
    const sections = Array(257).fill(image.sections.at(-1)) as typeof image.sections
    expect(() => splitProfiles({ ...image, sections }, 262)).toThrow('257 profiles')
    expect(splitProfiles({ ...image, sections: sections.slice(1) }, 262)).toHaveLength(256)
  })
})

describe('what a machine chooses', () => {
  test('is each candidate and none, of the profile and of the base', async () => {
    const image = [
      section('.dtbauto', 'a'),
      section('.dtbauto', ''),
      profile('one'),
      profile('two'),
      section('.dtbauto', 'b'),
    ]
    expect(await measured(image)).toEqual([
      ['.linux 2 .osrel 1 .profile 5 .dtbauto 3', '.linux 2 .osrel 1 .profile 5'],
      [
        '.linux 2 .osrel 1 .profile 6 .dtbauto 7',
        '.linux 2 .osrel 1 .profile 6 .dtbauto 3',
        '.linux 2 .osrel 1 .profile 6',
      ],
    ])
  })

  test('are device tree and firmware in every combination', async () => {
    const image = [section('.dtbauto'), section('.efifw', 'a'), section('.efifw', 'b')]
    const [variants] = (await uki(image)).profiles.map((profile) => profile.variants)
    expect(variants).toHaveLength(6)
    expect(await measured(image, { stub: '257' })).toEqual([
      ['.linux 2 .osrel 1 .dtbauto 3', '.linux 2 .osrel 1'],
    ])
  })

  test('has a limit', async () => {
    const names = ['.dtbauto', '.efifw'].flatMap((name) => Array(40).fill(name) as string[])
    await expect(uki(names.map((name) => section(name)))).rejects.toThrow('more than 1024')
  })
})

test('sections that share memory are refused', async () => {
  const bytes = makeUki([section('.initrd')])
  const table = 0x80 + 24 + 240
  const view = new DataView(bytes.buffer)
  view.setUint32(table + 3 * 40 + 12, view.getUint32(table + 2 * 40 + 12, true) + 1, true)
  await expect(openUki(await pe(bytes))).rejects.toThrow('.initrd shares memory')
})
