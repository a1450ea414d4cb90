import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parsePcrSelection } from '../../src/credentials/pcr-selection.ts'
import { makePe, ukiSections, writeFiles } from '../policies/boot-files.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign } from './fake-context.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const UKI = at('esp/EFI/Linux/linux.efi')
const BOOT = ['--uki', UKI, '--esp', at('esp')]
const IN_INITRD = [...BOOT, '--initrd-version=262', '--phase=enter-initrd']

const run = (command: string, ...args: readonly string[]) =>
  extsign(['pcr', command, ...args], { cwd: folder })
const stdout = async (command: string, ...args: readonly string[]) => {
  const { code, stdout, stderr } = await run(command, ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** The values of a text for --tpm2-pcrs as tpm2_pcrread prints them. */
function dumpOf(selection: string): string {
  const lines = [...parsePcrSelection(selection.trim()).pcrs].map(
    ([pcr, value]) => `    ${pcr}: 0x${Buffer.from(value!).toString('hex').toUpperCase()}\n`,
  )
  return `  sha256:\n${lines.join('')}`
}

beforeAll(async () => {
  writeFiles(folder, {
    'esp/EFI/Linux/linux.efi': makePe(ukiSections(262, [['.cmdline', 'quiet']])),
    'esp/EFI/Linux/linux.efi.extra.d/a.cred': 'AAAA',
    'esp/EFI/Linux/linux.efi.extra.d/x.addon.efi': 'no addon',
    'esp/keys/b.cred': 'B',
    'entry.conf': 'title x\nuki /EFI/Linux/linux.efi\noptions verbose\nextra /keys/b.cred\n',
    plain: 'secret',
  })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = { format: 'pem', type: 'spki' } as const
  writeFileSync(at('pcr.key'), rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }), {
    mode: 0o600,
  })
  writeFileSync(at('pcr.pub'), rsa.publicKey.export(pem))
  const storage = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(at('srk.pub'), storage.publicKey.export(pem))
  writeFileSync(at('prediction.json'), await stdout('predict', ...IN_INITRD, '--json'))
  const selection = await stdout('predict', ...IN_INITRD, '--format=tpm2-pcrs')
  writeFileSync(at('dump'), dumpOf(selection))
  writeFileSync(at('other-dump'), dumpOf(selection.replace(/12:sha256=../, '12:sha256=00')))
}, 60_000)

describe('pcr predict', () => {
  test('says who measures what and why, values, conditions, and what it cannot know', async () => {
    const text = await stdout('predict', ...BOOT)
    expect(text).toContain(
      `${UKI}: profile 0, stub of systemd 262, \\EFI\\Linux\\linux.efi on the ESP`,
    )
    expect(text).toMatch(
      /^ {2}11 {2}systemd-stub {2}\.linux \(content\): a section of the UKI\n {6}sha256 [0-9a-f]{64}$/m,
    )
    expect(text).toMatch(/^ {2}12 {2}systemd-stub {2}Credentials initrd: credential files in /m)
    expect(text).toMatch(/^when the kernel starts\n {2}11:sha256=[0-9a-f]{64}\n {2}12:sha256=/m)
    expect(text).toContain('x.addon.efi  it is no PE file: firmware does not load it')
    expect(text).toMatch(/^ {2}no options are passed to the UKI$/m)
    expect(text).toMatch(/^ {2}PCR 7 +secure-boot-policy: /m)
  })

  test('shows every phase of a usual boot, and every bank', async () => {
    const text = await stdout(
      'predict',
      ...BOOT,
      '--initrd-version=262',
      '--bank=SHA1',
      '--bank=sha512',
    )
    expect(text.match(/^in phase .*$/gm)).toHaveLength(4)
    expect(text).toContain('  after os-separator (12), os-separator (13), enter-initrd (11)\n')
    expect(text.match(/^ {2}13:sha1=[0-9a-f]{40}$/gm)).toHaveLength(5)
    expect(text.match(/^ {2}13:sha512=[0-9a-f]{128}$/gm)).toHaveLength(5)
  })

  test('prints everything as JSON', async () => {
    const found = JSON.parse(await stdout('predict', ...BOOT, '--json'))
    expect(Object.keys(found)).toEqual([
      ...['uki', 'ukiPath', 'stubVersion', 'profile', 'choices', 'banks', 'events', 'states'],
      ...['loadedAddons', 'skipped', 'conditions', 'unpredictable'],
    ])
    expect(Object.keys(found.events[0])).toEqual([
      ...['pcr', 'by', 'description', 'reason', 'files', 'digests'],
    ])
    expect(Object.keys(found.states[0].pcrs.sha256)).toEqual(['11', '12', '13'])
  })

  test('takes options, profile and extra files from an entry', async () => {
    const args = [...BOOT, '--entry', at('entry.conf'), '--secure-boot=on']
    const text = await stdout('predict', ...args)
    expect(text).toContain('systemd-boot  verbose: it passes options to the UKI')
    expect(text).toContain('systemd-boot  Entry credentials initrd: extra lines of the boot entry')
    expect(text).toContain('  Secure Boot is on, so the options are dropped\n')
    expect(await stdout('predict', ...args, '--options=other')).toContain('systemd-boot  other: ')
  })

  test('prints policies over several PCRs, to sign and signed', async () => {
    const unsigned = JSON.parse(await stdout('predict', ...IN_INITRD, '--format=policy-digest'))
    expect(unsigned.sha256).toMatchObject([{ pcrs: [11, 12, 13], tbs: unsigned.sha256[0].pol }])
    const args = ['--format=policy', '--private-key', at('pcr.key')]
    const signed = JSON.parse(await stdout('predict', ...IN_INITRD, ...args))
    expect(signed.sha256[0]).toMatchObject({ pcrs: [11, 12, 13], pol: unsigned.sha256[0].pol })
    expect(signed.sha256[0].sig).toMatch(/^[A-Za-z0-9+/]{342}==$/)
    const public_ = ['--format=policy-digest', '--public-key', at('pcr.pub'), '--pcrs=12+11']
    const named = JSON.parse(await stdout('predict', ...IN_INITRD, ...public_))
    expect(named.sha256[0]).toMatchObject({ pcrs: [11, 12], pkfp: signed.sha256[0].pkfp })
  })

  test.each([
    ['no UKI', ['--esp', 'x'], 2, '--uki is missing'],
    ['no ESP', ['--uki', UKI], 2, '--esp is missing'],
    ['two outputs', [...BOOT, '--json', '--format=policy'], 2, '--format and --json exclude each'],
    ['PCRs without a format', [...BOOT, '--pcrs=11'], 2, '--pcrs is about --format'],
    [
      'a key without need',
      [...BOOT, '--private-key=x'],
      2,
      '--private-key is about --format policy',
    ],
    ['no key', [...BOOT, '--format=policy'], 2, '--private-key is missing'],
    [
      'several states for one text',
      [...BOOT, '--initrd-version=262', '--format=tpm2-pcrs'],
      2,
      '--format tpm2-pcrs is for one state',
    ],
    [
      'several banks for one text',
      [...IN_INITRD, '--bank=sha1', '--bank=sha256', '--format=tpm2-pcrs'],
      2,
      '--format tpm2-pcrs is for one bank',
    ],
    [
      'an entry nobody reads',
      [...BOOT, '--entry=x', '--boot=direct'],
      2,
      'nothing else reads entries',
    ],
    ['options that depend', [...BOOT, '--options=x'], 1, 'so Secure Boot decides'],
    [
      'a phase that depends',
      [...BOOT, '--phase=enter-initrd'],
      1,
      'what the initrd measures is not',
    ],
    [
      'an entry that is none',
      [...BOOT, '--entry', at('plain')],
      1,
      'plain: boot entry: no line starts',
    ],
    ['a UKI that is none', ['--uki', at('plain'), '--esp', folder], 1, 'plain: pe: '],
    [
      'a PCR not predicted',
      [...IN_INITRD, '--format=tpm2-pcrs', '--pcrs=7'],
      1,
      'PCR 7 of sha256 is',
    ],
  ])('refuses %s', async (_, args, code, message) => {
    const found = await run('predict', ...args)
    expect(found).toMatchObject({ code, stdout: '' })
    expect(found.stderr).toContain(message)
  })
})

describe('pcr explain', () => {
  const explain = (...args: readonly string[]) => run('explain', ...args)

  test('ends with 0 where a machine fits', async () => {
    const found = await explain(at('prediction.json'), '--dump', at('dump'))
    expect(found).toMatchObject({ code: 0, stderr: '' })
    expect(found.stdout).toMatch(/^ok {4}PCR 11 of sha256: [0-9a-f]{64}$/m)
    expect(found.stdout).toContain('this is the state in phase enter-initrd\n')
  })

  test('ends with 3 and the reason where it does not', async () => {
    writeFileSync(at('esp/EFI/Linux/linux.efi.extra.d/a.cred'), 'BBBB')
    const changed = await stdout('predict', ...IN_INITRD, '--format=tpm2-pcrs')
    writeFileSync(at('esp/EFI/Linux/linux.efi.extra.d/a.cred'), 'AAAA')
    writeFileSync(at('changed'), dumpOf(changed))
    const found = await explain(at('prediction.json'), '--dump', at('changed'))
    expect(found.code).toBe(3)
    expect(found.stdout).toMatch(
      /^FAIL {2}PCR 12 of sha256: expected [0-9a-f]{64}, found [0-9a-f]{64}$/m,
    )
    expect(found.stdout).toContain('PCR 12: no single event explains the value; logs would')
    expect(found.stdout).toContain('prediction.json does not fit\n')
    const json = JSON.parse(
      (await explain(at('prediction.json'), '--dump', at('changed'), '--json')).stdout,
    )
    expect(json).toMatchObject({ ok: false, phase: 'enter-initrd', differences: [{ pcr: 12 }] })
  })

  test('names the file behind a policy', async () => {
    writeFileSync(
      at('policy.json'),
      await stdout('predict', ...IN_INITRD, '--format=policy-digest'),
    )
    expect((await explain(at('policy.json'), '--dump', at('dump'))).code).toBe(0)
    const prediction = at('without.json')
    const esp = writeFiles(at('empty'), { 'x.efi': readFileSync(UKI) })
    const without = ['--uki', join(esp, 'x.efi'), '--esp', esp, '--initrd-version=262']
    const dump = await stdout('predict', ...without, '--phase=enter-initrd', '--format=tpm2-pcrs')
    writeFileSync(at('dump-without'), dumpOf(dump))
    writeFileSync(prediction, await stdout('predict', ...IN_INITRD, '--json'))
    const args = ['--dump', at('dump-without'), '--prediction', prediction]
    const found = await explain(at('policy.json'), ...args)
    expect(found.code).toBe(3)
    expect(found.stdout).toContain('PCR 12: event 1 is missing\n')
    expect(found.stdout).toContain('linux.efi.extra.d/a.cred')
  })

  test('holds a machine against a credential', async () => {
    const selection = (await stdout('predict', ...IN_INITRD, '--format=tpm2-pcrs')).trim()
    const sealed = [at('plain'), at('literal.cred'), '--tpm2-device-key', at('srk.pub')]
    const { stderr } = await extsign(['cred', 'encrypt', ...sealed, '--tpm2-pcrs', selection])
    expect(stderr).toBe('')
    expect((await explain(at('literal.cred'), '--dump', at('dump'))).code).toBe(0)
    const other = await explain(at('literal.cred'), '--dump', at('other-dump'))
    expect(other).toMatchObject({ code: 3 })
    expect(other.stdout).toMatch(/^FAIL {2}policy over PCR 11, 12, 13 of sha256: expected /m)
  })

  test('and against one that needs a signed policy', async () => {
    const sealed = [at('plain'), at('signed.cred'), '--tpm2-device-key', at('srk.pub')]
    const key = ['--tpm2-public-key', at('pcr.pub'), '--tpm2-public-key-pcrs=11+12+13']
    const { stderr } = await extsign(['cred', 'encrypt', ...sealed, ...key])
    expect(stderr).toBe('')
    const args = ['--format=policy', '--private-key', at('pcr.key')]
    writeFileSync(at('signed.json'), await stdout('predict', ...IN_INITRD, ...args))
    const signature = ['--tpm2-signature', at('signed.json')]
    const fits = await explain(at('signed.cred'), '--dump', at('dump'), ...signature)
    expect(fits.code).toBe(0)
    expect(fits.stdout).toMatch(/^ok {4}signed policy over PCR 11, 12, 13 of sha256: /m)
    const other = await explain(at('signed.cred'), '--dump', at('other-dump'), ...signature)
    expect(other.code).toBe(3)
    expect(other.stdout).toContain('expected an entry for the state of the machine: there is none')
  })

  test('has nothing to say about a credential without TPM', async () => {
    await extsign(['cred', 'encrypt', at('plain'), at('null.cred'), '--with-key=null'])
    const found = await explain(at('null.cred'), '--dump', at('dump'))
    expect(found.stdout).toContain('ok    TPM: it is not sealed to one, its PCRs do not matter\n')
  })

  test.each([
    ['nothing about the machine', [], 1, 'nothing is known of the machine'],
    ['a dump that is none', ['--dump', at('plain')], 1, 'plain: PCR dump: no value of a PCR in it'],
    ['a log that is none', ['--event-log', at('plain')], 1, 'plain: event log: neither a log'],
    ['a second prediction', ['--prediction', 'x'], 2, '--prediction is of no use'],
  ])('refuses %s', async (_, args, code, message) => {
    const found = await explain(at('prediction.json'), ...args)
    expect(found).toMatchObject({ code, stdout: '' })
    expect(found.stderr).toContain(message)
  })
})

describe('pcr pcrlock', () => {
  test('writes all components, and replaces none without --force', async () => {
    const args = [...BOOT, '-o', at('pcrlock.d')]
    expect(await stdout('pcrlock', ...args)).toBe(
      `${at('pcrlock.d/650-uki.pcrlock.d/linux-profile0.pcrlock')}: 7 records\n${at('pcrlock.d/655-uki-files.pcrlock.d/linux-profile0.pcrlock')}: 1 records\n`,
    )
    const again = await run('pcrlock', ...args)
    expect(again).toMatchObject({ code: 1, stdout: '' })
    expect(again.stderr).toContain('linux-profile0.pcrlock exists')
    expect(JSON.parse(await stdout('pcrlock', ...args, '--force', '--json'))).toMatchObject([
      { records: 7 },
      { records: 1 },
    ])
  })

  test('writes none where one cannot be', async () => {
    writeFiles(at('taken'), { '655-uki-files.pcrlock.d': 'a file' })
    const found = await run('pcrlock', ...BOOT, '-o', at('taken'))
    expect(found.code).toBe(1)
    expect(existsSync(at('taken/650-uki.pcrlock.d/linux-profile0.pcrlock'))).toBe(false)
  })

  test.each([
    ['no UKI', ['-o', 'x'], '--uki is missing'],
    ['no output', ['--uki', UKI], '--output is missing'],
  ])('refuses %s', async (_, args, message) => {
    const found = await run('pcrlock', ...args)
    expect(found).toMatchObject({ code: 2, stdout: '' })
    expect(found.stderr).toContain(message)
  })
})
