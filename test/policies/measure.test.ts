import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { MEASURED_SECTIONS, type MeasuredName } from '../../src/formats/uki/index.ts'
import { hashContents, type MeasuredContent } from '../../src/policies/hash-contents.ts'
import {
  createHashList,
  digestOf,
  isDone,
  runHashJob,
  workOff,
} from '../../src/policies/hash-job.ts'
import { measureSections, measureUki } from '../../src/policies/measure.ts'
import { openContent } from '../../src/policies/open-content.ts'
import { policiesOf } from '../../src/policies/policy.ts'
import { makeUki } from '../support/pe.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { ukiOf } from './images.ts'

const folder = temporaryFolder()

const content = (text: string, zeros = 0): MeasuredContent => {
  const bytes = encodeUtf8(text)
  return { source: bytesSource(bytes), offset: 0, size: bytes.length, zeros }
}

const SECTIONS = new Map<MeasuredName, MeasuredContent>([
  ['.initrd', content('foobar\n')],
  ['.linux', content('HALLO\n')],
])

/** As systemd-measure computes them. */
const PHASES = [
  ['', '37b48bd0b222394dbe3cceff2fca4660c4b0a90ae9369ec90b42f14489989c13'],
  ['enter-initrd', '0aa67f92271757adc73e44704977b080d37749d39c29a31d10c4f27f1e61bff0'],
  ['enter-initrd:leave-initrd', '9f246261a2f421202aeaec15b7f64c68afc1324db17082f3ea3ae42275a9db00'],
  [
    'enter-initrd:leave-initrd:sysinit',
    '801275e98b9e8b635b7a50a8ee982623dc96bb8d35c4282c8cb77fe6b6d71899',
  ],
  [
    'enter-initrd:leave-initrd:sysinit:ready',
    '72d98648c1d6779575681998a4a2590a2273dd236e851b07ee35aad9fdaab4f9',
  ],
  ['foo', '21c49c1242042649e09c156546fd7d425ccc3c67359f840507b30be4e0f6f699'],
] as const

const POLICIES = [
  'c22af341d2137e3ddccea7b685d3fd1e0742b09cbd0524c544d50b95af928082',
  '3042fa12601830bb571a3f28aa7d4e9f520f1c0e094ab38c5d066ccc10aa3104',
  '6866fa116aa4653a4aca60850ab83dcb7aa972399640cd2e06efbab50783ff0f',
  '1c71ef8fffde8708dcb34ae500f1ebc67eca950e89f89193311ae00fa86b341f',
  'cf4afa6af196740453e5910a721aec41dea1c302b77aa0715b06576218a83af2',
]

describe('sections', () => {
  test('give PCR 11 in each phase, and its policy', async () => {
    const phases = PHASES.map(([phase]) => phase)
    const measurement = await measureSections(SECTIONS, { banks: ['sha256'], phases })
    expect(
      measurement.phases.map(({ phase, values }) => [phase, toHex(values.get('sha256')!)]),
    ).toEqual(PHASES)
    const policies = policiesOf(measurement.phases.slice(0, 5))
    expect(policies.map(({ entry }) => toHex(entry.policy))).toEqual(POLICIES)
  })

  test('give it in every bank', async () => {
    const { phases } = await measureSections(SECTIONS, { phases: ['', 'foo'] })
    const [start, foo] = phases.map(({ values }) => values)
    expect(toHex(start!.get('sha1')!)).toBe('5177e4ad69db92192c10e5f80402bf81bfec8a81')
    expect(toHex(foo!.get('sha1')!)).toBe('6765ee305db063040c454d32697d922b3d4f232b')
    expect(toHex(start!.get('sha384')!)).toBe(
      '5573f9b2caf55b1d0a6a701f890662d682af961899f0419cf1e2d5ea4a6a68c1f25bd4f5b8a0865eeee82af90f5cb087',
    )
    const policies = policiesOf(phases.slice(0, 1))
    expect(toHex(policies[0]!.entry.policy)).toBe(
      '9f061c527c017c524b0dbb10ffc15382d862c6d1b9468d715e97ae7ad3df1aff',
    )
    expect(toHex(policies[2]!.entry.policy)).toBe(
      'ba30fc5510aa23dde815545a51c862b85cb5dee198aa36c2fc749c6e40ece232',
    )
  })

  test('give what systemd tests with all of them', async () => {
    const all = new Map(MEASURED_SECTIONS.map(({ name }) => [name, content('HALLO\n')]))
    const { phases } = await measureSections(all, { banks: ['sha1'], phases: ['foo'] })
    expect(toHex(phases[0]!.values.get('sha1')!)).toBe('8a625cbc3c497b9a86dcf4f6a32582895ce969bb')
  })

  test('that are empty are absent', async () => {
    const withEmpty = new Map([...SECTIONS, ['.cmdline', content('')] as const])
    expect(await measureSections(withEmpty)).toEqual(await measureSections(SECTIONS))
  })
})

describe('a UKI', () => {
  const uki = () =>
    ukiOf(
      makeUki([
        { name: '.initrd', content: 'foobar\n' },
        { name: '.dtbauto', content: 'tree' },
        { name: '.profile', content: 'ID=one\n' },
        { name: '.profile', content: 'ID=two\n' },
        { name: '.cmdline', content: 'two' },
      ]),
    )

  test('gives the same as its sections', async () => {
    const [first] = await measureUki(await uki(), { profile: 1, banks: ['sha1'] })
    const sections = new Map<MeasuredName, MeasuredContent>([
      ...SECTIONS,
      ['.osrel', content('ID=test\n')],
      ['.dtbauto', content('tree')],
      ['.profile', content('ID=two\n')],
      ['.cmdline', content('two')],
    ])
    const { phases, events } = await measureSections(sections, { banks: ['sha1'] })
    expect(first).toMatchObject({ phases, events })
  })

  test('gives every profile and choice', async () => {
    const boots = await measureUki(await uki(), { banks: ['sha256'] })
    expect(
      boots.map(({ profile, choices }) => [profile.number, choices[0]?.section?.name]),
    ).toEqual([
      [0, '.dtbauto'],
      [0, undefined],
      [1, '.dtbauto'],
      [1, undefined],
    ])
    const values = boots.map(({ phases }) => toHex(phases[0]!.values.get('sha256')!))
    expect(new Set(values).size).toBe(4)
  })

  test('gives one event for the name and one for the content', async () => {
    const [boot] = await measureUki(await uki(), { profile: 0, banks: ['sha256'] })
    expect(boot!.events.slice(0, 4).map(({ description }) => description)).toEqual([
      '.linux (name)',
      '.linux (content)',
      '.osrel (name)',
      '.osrel (content)',
    ])
  })

  test('has no profile that is not there', async () => {
    await expect(measureUki(await uki(), { profile: 2 })).rejects.toMatchObject({
      name: 'PolicyError',
      code: 'NO_PROFILE',
    })
  })

  test('is measured with the zeros that are not in the file', async () => {
    const sparse = await ukiOf(
      makeUki([{ name: '.dtb', content: 'ab', rawSize: 512, virtualSize: 3_000_000 }]),
    )
    const [boot] = await measureUki(sparse, { banks: ['sha1'] })
    const sections = new Map<MeasuredName, MeasuredContent>([
      ['.linux', content('HALLO\n')],
      ['.osrel', content('ID=test\n')],
      ['.dtb', content('ab', 2_999_998)],
    ])
    expect(boot!.phases).toEqual((await measureSections(sections, { banks: ['sha1'] })).phases)
  })
})

describe('hashing', () => {
  const path = join(folder, 'content')
  writeFileSync(path, Buffer.alloc(700_000, 'abc'))

  test('gives the same from a file as from memory, in any number of threads', async () => {
    const inFile = await openContent(path)
    const inMemory = content(Buffer.alloc(700_000, 'abc').toString())
    const banks = ['sha1', 'sha256', 'sha384', 'sha512'] as const
    const expected = await hashContents([inMemory], banks)
    const withZeros = { ...inFile, zeros: 300_000 }
    for (const threads of [0, 1]) {
      expect(await hashContents([inFile], banks, { threads })).toEqual(expected)
      const [padded] = await hashContents([withZeros], ['sha1'], { threads })
      expect(padded).toEqual((await hashContents([{ ...inMemory, zeros: 300_000 }], ['sha1']))[0])
    }
    await inFile.close()
  })

  test('each job of a list is done once, and one that fails is left undone', () => {
    const file = openSync(path, 'r')
    const algorithms = ['sha512', 'sha1'] as const
    const job = { file, offset: 0, size: 700_000, zeros: 0, algorithms }
    const list = createHashList([job, { ...job, file: -1 }, { ...job, offset: 1 }])
    workOff(list)
    expect([0, 1, 2].map((index) => isDone(list, index))).toEqual([true, false, false])
    const digests = () => [digestOf(list, 0, 0, 64), digestOf(list, 0, 1, 20)]
    expect(digests()).toEqual(runHashJob(job))
    workOff({ ...list, jobs: list.jobs.map((each) => ({ ...each, file: -1 })) })
    expect(digests()).toEqual(runHashJob(job))
    closeSync(file)
  })

  test('a file that ends early is an error that says so', async () => {
    const inFile = await openContent(path)
    await expect(hashContents([{ ...inFile, size: 700_001 }], ['sha1'])).rejects.toMatchObject({
      name: 'FileError',
      code: 'IO',
    })
    await inFile.close()
  })

  test('an empty file and a missing one', async () => {
    const empty = join(folder, 'empty')
    writeFileSync(empty, '')
    expect(await openContent(empty)).toMatchObject({ size: 0 })
    await expect(openContent(join(folder, 'missing'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(openContent(folder)).rejects.toMatchObject({ code: 'NOT_A_FILE' })
  })
})
