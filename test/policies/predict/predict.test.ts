import { createHash } from 'node:crypto'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { parsePcrSelection } from '../../../src/credentials/pcr-selection.ts'
import { formatTpm2Pcrs, predictedPolicies } from '../../../src/policies/predict/forms.ts'
import { type PredictOptions, predictPcrs } from '../../../src/policies/predict/predict.ts'
import type { Prediction } from '../../../src/policies/predict/prediction.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { makePe, type Sections, ukiSections, writeFiles } from '../boot-files.ts'

const PATH = 'EFI/Linux/linux.efi'
const EXTRA = `${PATH}.extra.d`

interface Boot {
  readonly version?: number
  readonly sections?: Sections
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly path?: string
}

/** Predicts the boot of a UKI that lies on an ESP with these files. */
async function predict(
  { version = 262, sections, files, path = PATH }: Boot,
  options: Partial<PredictOptions> = {},
): Promise<Prediction> {
  const esp = temporaryFolderNow()
  writeFiles(esp, { [path]: makePe(ukiSections(version, sections)), ...files })
  return predictPcrs({ uki: join(esp, path), esp, banks: ['sha256'], ...options })
}

const folder = temporaryFolder()
let count = 0
const temporaryFolderNow = () => join(folder, `${++count}`)

const sha256 = (...parts: readonly Uint8Array[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const utf16 = (text: string) => Buffer.from(`${text}\0`, 'utf16le')
const addon = (...sections: Sections) => makePe(sections, { signed: true })

/** `PCR description` of all events but those of sections. */
const summary = ({ events }: Prediction) =>
  events.filter(({ pcr }) => pcr !== 11).map(({ pcr, description }) => `${pcr} ${description}`)

const valueIn = ({ states }: Prediction, pcr: number, phase = '') => {
  const state = states.find((each) => each.phase === phase)
  return toHex(state?.pcrs.get('sha256')?.get(pcr) ?? new Uint8Array())
}

/** A PCR after data was measured into it, as plainly as can be. */
const extendAll = (...data: readonly Uint8Array[]) =>
  toHex(data.reduce((value, each) => sha256(value, sha256(each)), new Uint8Array(32)))

test('nothing beside a UKI: PCRs 12 and 13 are zero', async () => {
  const prediction = await predict({})
  expect(summary(prediction)).toEqual([])
  expect(valueIn(prediction, 12)).toBe('00'.repeat(32))
  expect(valueIn(prediction, 13)).toBe('00'.repeat(32))
  expect(prediction).toMatchObject({
    ukiPath: '\\EFI\\Linux\\linux.efi',
    stubVersion: 262,
    profile: 0,
    choices: [],
    skipped: [],
  })
})

test('PCR 11 is that of the sections in their order', async () => {
  const prediction = await predict({ sections: [['.initrd', 'foobar\n']] })
  const sections = [
    ['.linux', 'HALLO\n'],
    ['.osrel', 'ID=test\n'],
    ['.initrd', 'foobar\n'],
  ] as const
  const data = sections.flatMap(([name, text]) => [Buffer.from(`${name}\0`), Buffer.from(text)])
  expect(valueIn(prediction, 11)).toBe(extendAll(...data))
})

describe('credentials', () => {
  const files = { [`${EXTRA}/a.cred`]: 'AAAA', [`${EXTRA}/b.cred`]: 'hello world!\n' }
  const MEASURED = '5171a85e87902faa4525c0a3c8910695214cd54af90c84a7e251c2cd5cc48009'
  const SEPARATED = 'ca5cf3dcc0384c97744b5b3a9a789c37d6b3b2faf7d250f9eb395502dd91840f'

  test('are measured into PCR 12, and the initrd separates', async () => {
    const prediction = await predict({ files }, { initrdVersion: 261 })
    expect(valueIn(prediction, 12)).toBe(MEASURED)
    expect(valueIn(prediction, 12, 'enter-initrd')).toBe(SEPARATED)
    expect(valueIn(prediction, 12, 'enter-initrd:leave-initrd:sysinit:ready')).toBe(SEPARATED)
    expect(valueIn(prediction, 13, 'enter-initrd')).toBe(extendAll(Buffer.from('os-separator')))
    expect(prediction.states[1]?.events.map(({ pcr, description }) => [pcr, description])).toEqual([
      [12, 'os-separator'],
      [13, 'os-separator'],
      [11, 'enter-initrd'],
    ])
  })

  test('stay where an older initrd separates nothing, or there is none', async () => {
    const older = await predict({ files }, { initrdVersion: 260 })
    expect(valueIn(older, 12, 'enter-initrd')).toBe(MEASURED)
    const host = await predict({ files }, { phases: ['sysinit:ready'] })
    expect(valueIn(host, 12, 'sysinit:ready')).toBe(MEASURED)
  })

  test('say which files they come from', async () => {
    const { events } = await predict({ files })
    const event = events.find(({ pcr }) => pcr === 12)
    expect(event).toMatchObject({
      by: 'systemd-stub',
      reason: 'credential files in \\EFI\\Linux\\linux.efi.extra.d',
    })
    expect(event?.files.map((file) => file.split('/').at(-1))).toEqual(['a.cred', 'b.cred'])
  })

  test('of a UKI with a boot counter, linked and in other case', async () => {
    const esp = writeFiles(temporaryFolderNow(), {
      'efi/LINUX/linux+3-1.efi': makePe(ukiSections(262)),
      'efi/LINUX/LINUX.EFI.EXTRA.D/a.cred': 'AAAA',
      'elsewhere/b': 'hello world!\n',
    })
    symlinkSync('../../../elsewhere/b', join(esp, 'efi/LINUX/LINUX.EFI.EXTRA.D/b.cred'))
    const uki = join(esp, 'efi/LINUX/linux+3-1.efi')
    expect(valueIn(await predictPcrs({ uki, esp, banks: ['sha256'] }), 12)).toBe(MEASURED)
  })
})

describe('what lies beside a UKI', () => {
  const files = {
    [`${EXTRA}/own.cred`]: '1',
    'loader/credentials/global.cred': '2',
    [`${EXTRA}/own.raw`]: '3',
    'loader/extensions/global.sysext.raw': '4',
    [`${EXTRA}/own.confext.raw`]: '5',
    'loader/extensions/global.confext.raw': '6',
    'loader/addons/a.addon.efi': addon(
      ['.cmdline', ' global\n\0ignored'],
      ['.dtb', 'tree 1'],
      ['.ucode', 'microcode 1'],
      ['.initrd', 'initrd 1'],
    ),
    [`${EXTRA}/b.addon.efi`]: addon(
      ['.cmdline', 'own'],
      ['.dtb', 'tree 2'],
      ['.ucode', 'microcode 2'],
      ['.initrd', 'initrd 2'],
    ),
  }

  test('comes in the order of the stub', async () => {
    const prediction = await predict({ files }, { options: 'quiet', smbios: 'extra=1' })
    expect(summary(prediction)).toEqual([
      '12 quiet',
      '12 quiet',
      '12 global own',
      '12 extra=1',
      '12 a.addon.efi',
      '12 b.addon.efi',
      '12 Credentials initrd',
      '12 Global credentials initrd',
      '13 System extension initrd',
      '13 Global system extension initrd',
      '12 Configuration extension initrd',
      '12 Global configuration extension initrd',
      '12 b.addon.efi',
      '12 a.addon.efi',
      '12 a.addon.efi',
      '12 b.addon.efi',
    ])
    const lines = prediction.events.filter(({ pcr }) => pcr === 12)
    const data = (index: number) => toHex(lines[index]!.digests.get('sha256')!)
    expect(data(0)).toBe(toHex(sha256(utf16('quiet'))))
    expect(data(2)).toBe(toHex(sha256(utf16('global own'))))
    expect(data(4)).toBe(toHex(sha256(Buffer.from('tree 1'))))
    expect(data(10)).toBe(toHex(sha256(Buffer.from('microcode 2'))))
    expect(data(13)).toBe(toHex(sha256(Buffer.from('initrd 2'))))
  })

  test('is measured differently by older stubs', async () => {
    const old = async (version: number) =>
      summary(await predict({ version, files }, { options: ' quiet', smbios: 'extra=1' }))
    const archives = [
      'Credentials initrd',
      'Global credentials initrd',
      'System extension initrd',
      'Configuration extension initrd',
    ]
    const [own, global, sysext, confext] = archives
    const first = ['8  quiet', '12  quiet']
    const credentials = [`8 ${own}`, `12 ${own}`, `8 ${global}`, `12 ${global}`]
    const v252 = ['12  quiet', ...first, ...credentials, `13 ${sysext}`]
    expect(await old(252)).toEqual(v252)
    expect(await old(253)).toEqual(v252)
    const credentials12 = [`12 ${own}`, `12 ${global}`, `13 ${sysext}`]
    expect(await old(254)).toEqual([
      '12  quiet',
      '12 quiet',
      '12 global',
      '12 own',
      '12 extra=1',
      ...credentials12,
    ])
    const v255 = ['12  quiet', '12 quiet', '12 global\n own', '12 extra=1', ...credentials12]
    const trees = ['12 a.addon.efi', '12 b.addon.efi']
    expect(await old(255)).toEqual([...v255.with(2, '12 global  own'), ...trees])
    expect(await old(256)).toEqual([...v255.with(2, '12 global  own'), `12 ${confext}`, ...trees])
    expect(await old(257)).toEqual([
      '12  quiet',
      '12 quiet',
      '12 global own',
      '12 extra=1',
      ...trees,
      ...credentials12,
      `12 ${confext}`,
      ...trees.toReversed(),
      ...trees,
    ])
  })

  test('of confexts counts as sysexts before 256', async () => {
    const only = { [`${EXTRA}/a.confext.raw`]: '5', [`${EXTRA}/b.raw`]: '3' }
    const old = await predict({ version: 255, files: only })
    expect(summary(old)).toEqual(['13 System extension initrd'])
    expect(old.events.at(-1)?.files).toHaveLength(2)
  })

  test('is not found by the counter of a UKI before 255', async () => {
    const path = 'EFI/Linux/linux+3.efi'
    expect(summary(await predict({ version: 254, files, path }))).not.toContain(
      '12 Credentials initrd',
    )
    expect(summary(await predict({ version: 255, files, path }))).toContain('12 Credentials initrd')
  })
})

describe('addons', () => {
  const beside = (file: Uint8Array | string) => ({ files: { [`${EXTRA}/x.addon.efi`]: file } })
  const named: Boot['sections'] = [['.uname', '6.1.0']]

  test.each([
    ['no PE file', 'text', 'it is no PE file: firmware does not load it'],
    ['nothing', '', 'it is empty or cannot be read'],
    [
      'a UKI',
      makePe(ukiSections(262, [['.cmdline', 'x']]), { signed: true }),
      'it has a kernel: it is a UKI and no addon',
    ],
    ['no section of interest', addon(['.sbat', 'x']), 'it has no section that this stub looks for'],
    [
      'an empty command line',
      addon(['.cmdline', '']),
      'it has no section that this stub looks for',
    ],
    [
      'another kernel',
      addon(['.cmdline', 'x'], ['.uname', '6.2.0']),
      'its .uname names another kernel than that of the UKI',
    ],
    [
      'a longer name of a kernel',
      addon(['.cmdline', 'x'], ['.uname', '6.1.0-1']),
      'its .uname names another kernel than that of the UKI',
    ],
    [
      'another architecture',
      makePe([['.cmdline', 'x']], { signed: true, machine: 0xaa64 }),
      'it is for another architecture than the UKI',
    ],
    [
      'another subsystem',
      makePe([['.cmdline', 'x']], { signed: true, subsystem: 11 }),
      'it is no EFI application',
    ],
  ])('that are %s are passed over', async (_, file, reason) => {
    const prediction = await predict({ sections: named, ...beside(file) })
    expect(summary(prediction)).toEqual([])
    expect(prediction.skipped.map((each) => each.reason)).toEqual([reason])
  })

  test.each([
    ['the same', '6.1.0'],
    ['the same and a NUL', '6.1.0\0'],
    ['a beginning of it', '6.1'],
  ])('whose .uname is %s are taken', async (_, uname) => {
    const file = addon(['.cmdline', 'x'], ['.uname', uname])
    expect(summary(await predict({ sections: named, ...beside(file) }))).toEqual(['12 x'])
    expect(summary(await predict(beside(file)))).toEqual(['12 x'])
  })

  test('that are not signed depend on Secure Boot', async () => {
    const files = beside(makePe([['.cmdline', 'x']]))
    await expect(predict(files)).rejects.toMatchObject({
      code: 'INPUT_NEEDED',
      message: expect.stringContaining('is not signed, so Secure Boot decides'),
    })
    const on = await predict(files, { secureBoot: true })
    expect(summary(on)).toEqual([])
    expect(on.loadedAddons).toEqual([])
    const off = await predict(files, { secureBoot: false })
    expect(summary(off)).toEqual(['12 x'])
    expect(off.loadedAddons).toHaveLength(1)
  })

  test('of the global folder come first, each set sorted, an empty line leaves a blank', async () => {
    const files = {
      'loader/addons/b.addon.efi': addon(['.cmdline', 'b']),
      'loader/addons/B.addon.EFI2': 'no addon',
      'loader/addons/Z.addon.efi': addon(['.cmdline', 'Z']),
      [`${EXTRA}/a.addon.efi`]: addon(['.cmdline', ' \n']),
      [`${EXTRA}/c.addon.efi`]: addon(['.cmdline', 'c\td']),
    }
    expect(summary(await predict({ files }))).toEqual(['12 Z b  c d'])
    expect(summary(await predict({ version: 254, files }))).toEqual(['12 Z b', '12 c d'])
  })

  test('with a device tree for some machines cannot be predicted', async () => {
    const file = addon(['.cmdline', 'x'], ['.dtbauto', 'tree'])
    await expect(predict(beside(file))).rejects.toMatchObject({ code: 'UNPREDICTABLE' })
    expect(summary(await predict({ version: 256, ...beside(file) }))).toEqual(['12 x'])
  })

  test('that are damaged or not text are errors that name the file', async () => {
    const damaged = addon(['.cmdline', 'x']).slice(0, 300)
    await expect(predict(beside(damaged))).rejects.toThrow(/x\.addon\.efi: pe: /)
    await expect(predict(beside(addon(['.cmdline', '\xff'])))).rejects.toThrow(
      'x.addon.efi: its .cmdline is not UTF-8',
    )
  })
})

describe('options', () => {
  const own: Sections = [['.cmdline', 'root=/dev/sda']]

  test('are measured by the boot loader and by the stub', async () => {
    expect(summary(await predict({}, { options: ' a b ' }))).toEqual(['12  a b ', '12 a b'])
    expect(summary(await predict({}, { options: ' a b ', boot: 'direct' }))).toEqual(['12 a b'])
    expect(summary(await predict({}, { options: '' }))).toEqual([])
    expect(summary(await predict({}, { options: ' ' }))).toEqual(['12  '])
  })

  test('are dropped by the stub with Secure Boot, where the UKI has its own', async () => {
    await expect(predict({ sections: own }, { options: 'a' })).rejects.toMatchObject({
      code: 'INPUT_NEEDED',
    })
    const on = await predict({ sections: own }, { options: 'a', secureBoot: true })
    expect(summary(on)).toEqual(['12 a'])
    expect(on.conditions).toContain('Secure Boot is on, so the options are dropped')
    const off = await predict({ sections: own }, { options: 'a', secureBoot: false })
    expect(summary(off)).toEqual(['12 a', '12 a'])
  })
})

describe('a profile', () => {
  const sections: Sections = [['.cmdline', 'base']]
  const profiles: Sections = [
    ['.profile', 'ID=main\n'],
    ['.profile', 'ID=other\n'],
    ['.cmdline', 'other'],
  ]
  const uki = (version = 262) => makePe([...ukiSections(version, sections), ...profiles])
  const boot = { files: { 'x.efi': uki() }, path: 'y.efi' }
  const predictProfile = async (options: Partial<PredictOptions>) => {
    const esp = writeFiles(temporaryFolderNow(), { ...boot.files })
    return predictPcrs({ uki: join(esp, 'x.efi'), esp, banks: ['sha256'], ...options })
  }

  test('is measured where it is not the first', async () => {
    const other = await predictProfile({ profile: 1 })
    expect(summary(other)).toEqual(['12 @1', '12 1'])
    expect(valueIn(other, 12)).toBe(extendAll(utf16('@1'), utf16('1')))
    const first = await predictProfile({})
    expect(summary(first)).toEqual([])
    expect(valueIn(first, 11)).not.toBe(valueIn(other, 11))
  })

  test('is put before the options, and started directly by the stub alone', async () => {
    const options = { profile: 1, options: 'quiet', secureBoot: false }
    expect(summary(await predictProfile(options))).toEqual(['12 @1 quiet', '12 1', '12 quiet'])
    expect(summary(await predictProfile({ ...options, boot: 'direct' }))).toEqual([
      '12 1',
      '12 quiet',
    ])
  })

  test('that there is not is an error', async () => {
    await expect(predictProfile({ profile: 2 })).rejects.toMatchObject({ code: 'NO_PROFILE' })
  })
})

test('what a machine chooses in the UKI has to be said', async () => {
  const sections: Sections = [
    ['.dtbauto', 'tree'],
    ['.hwids', 'ids'],
  ]
  await expect(predict({ sections })).rejects.toThrow(
    /the machine chooses one of 0: \.dtbauto at byte \d+; 1: no \.dtbauto/,
  )
  const none = await predict({ sections }, { variant: 1 })
  expect(none.events.map(({ description }) => description)).not.toContain('.dtbauto (content)')
  expect(none.choices).toMatchObject([{ name: '.dtbauto', section: undefined }])
  await expect(predict({ sections }, { variant: 2 })).rejects.toThrow('no variant 2')
  await expect(predict({}, { variant: 1 })).rejects.toThrow(
    'no variant 1: there are 0: nothing is left to choose',
  )
})

describe('extra lines of a boot entry', () => {
  const files = {
    'keys/a.cred': 'A',
    'x/b.SYSEXT.raw': 'B',
    'x/c.confext.raw': 'C',
    'keys/d.cred': 'D',
  }

  test('are measured before the stub starts', async () => {
    const extras = ['/x/c.confext.raw', '\\keys\\d.cred', 'X/b.sysext.RAW', '/keys/A.cred']
    const prediction = await predict({ files }, { extras, options: 'x' })
    expect(summary(prediction)).toEqual([
      '12 x',
      '12 Entry credentials initrd',
      '13 Entry system extension initrd',
      '12 Entry configuration extension initrd',
      '12 x',
    ])
    expect(prediction.events[1]?.files.map((file) => file.split('/').at(-1))).toEqual([
      'd.cred',
      'a.cred',
    ])
  })

  test('count inodes over all archives', async () => {
    const digestOf = async (extras: readonly string[], position: number) =>
      toHex((await predict({ files }, { extras })).events[position]!.digests.get('sha256')!)
    const alone = await digestOf(['/x/b.sysext.raw'], 0)
    const after = await digestOf(['/keys/a.cred', '/x/b.sysext.raw'], 1)
    expect(after).not.toBe(alone)
  })

  test('of unknown kinds are passed over, and missing files are errors', async () => {
    const { skipped } = await predict({ files }, { extras: ['/x/y.img'] })
    expect(skipped).toMatchObject([{ file: '/x/y.img' }])
    await expect(predict({ files }, { extras: ['/no.cred'] })).rejects.toThrow(
      '\\no.cred of the boot entry is not on the ESP',
    )
  })

  test('mean nothing to whoever does not read them', async () => {
    const direct = await predict({ files }, { extras: ['/keys/a.cred'], boot: 'direct' })
    expect(summary(direct)).toEqual([])
  })
})

describe('where a UKI is', () => {
  const esp = writeFiles(join(folder, 'elsewhere'), {
    'esp/x': '',
    'linux.efi': makePe(ukiSections(262)),
  })
  const uki = join(esp, 'linux.efi')

  test('has to be said where it is not below the ESP', async () => {
    await expect(predictPcrs({ uki, esp: join(esp, 'esp') })).rejects.toMatchObject({
      code: 'INPUT_NEEDED',
      message: expect.stringContaining('is not below'),
    })
    const options = { uki, esp: join(esp, 'esp'), ukiPath: 'EFI/a.efi' }
    expect((await predictPcrs(options)).ukiPath).toBe('\\EFI\\a.efi')
  })

  test('is an error where there is no ESP', async () => {
    await expect(predictPcrs({ uki, esp: join(esp, 'no') })).rejects.toThrow('no such file')
  })
})

test('phases in the initrd need its version, others do not', async () => {
  await expect(predict({}, { phases: [':', 'enter-initrd'] })).rejects.toMatchObject({
    code: 'INPUT_NEEDED',
  })
  const { states } = await predict({}, { phases: [':', '', 'sysinit', ':sysinit:'] })
  expect(states.map(({ phase }) => phase)).toEqual(['', 'sysinit'])
})

describe('the forms of a prediction', () => {
  test('for --tpm2-pcrs are what it reads', async () => {
    const prediction = await predict({ files: { [`${EXTRA}/a.cred`]: 'x' } })
    const text = formatTpm2Pcrs(prediction.states[0]!, 'sha256')
    expect(text).toMatch(/^11:sha256=[0-9a-f]{64}\+12:sha256=[0-9a-f]{64}\+13:sha256=0{64}$/)
    const { bank, pcrs } = parsePcrSelection(text)
    expect(bank).toBe('sha256')
    expect([...pcrs].map(([pcr, value]) => [pcr, toHex(value!)])).toEqual(
      [11, 12, 13].map((pcr) => [pcr, valueIn(prediction, pcr)]),
    )
  })

  test('as policies cover several PCRs, in every state and bank', async () => {
    const prediction = await predict({}, { banks: ['sha1', 'sha256'], initrdVersion: 262 })
    const policies = predictedPolicies(prediction)
    expect(policies).toHaveLength(10)
    expect(new Set(policies.map(({ entry }) => entry.pcrMask))).toEqual(new Set([0x3800]))
    const value = (pcr: number) => Buffer.from(valueIn(prediction, pcr), 'hex')
    const selection = Buffer.from('00000001000b03003800', 'hex')
    const values = sha256(value(11), value(12), value(13))
    const policy = sha256(new Uint8Array(32), Buffer.from('0000017f', 'hex'), selection, values)
    expect(policies.some(({ entry }) => toHex(entry.policy) === toHex(policy))).toBe(true)
  })

  test('refuse what was not predicted', async () => {
    const prediction = await predict({})
    expect(() => formatTpm2Pcrs(prediction.states[0]!, 'sha1')).toThrow('no bank sha1')
    expect(() => formatTpm2Pcrs(prediction.states[0]!, 'sha256', [7])).toThrow(
      'PCR 7 of sha256 is not predicted: sha256 has 11, 12, 13',
    )
  })
})
