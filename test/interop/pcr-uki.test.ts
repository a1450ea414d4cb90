/** Images of ukify of both generations: measured, signed, joined and verified as systemd does. */

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import { toHex } from '../../src/bytes/hex.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { FormatError } from '../../src/errors.ts'
import { authenticodeDigest, openPe } from '../../src/formats/pe/index.ts'
import { PCR_BANKS } from '../../src/formats/tpm2/pcr.ts'
import { openUki } from '../../src/formats/uki/index.ts'
import { measureUki } from '../../src/policies/measure.ts'
import { verifyPolicies } from '../../src/policies/verify.ts'
import { extsign } from '../cli/fake-context.ts'
import { makeKey } from '../support/keys.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const STUB = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub'
const LIBEXEC = '/usr/lib/systemd'

interface PcrlockRecord {
  readonly pcr: number
  readonly digests: readonly { readonly hashAlg: string; readonly digest: string }[]
}

const opened = async (bytes: Uint8Array) => openPe(bytesSource(bytes))

describe.each(GENERATIONS)('%s', (name, tree) => {
  const is262 = name === 'systemd 262'
  const ready = available('root', `tree:${tree}`, 'openssl')
  const folder = temporaryFolder()
  const path = (file: string) => join(folder, file)
  const read = (file: string) => readFileSync(path(file))
  let measured = ''

  beforeAll(() => {
    if (!ready) return
    prepare(folder)
    const single = ['--pcr-private-key=rsa.key', '--measure', '--json=short']
    measured = ukify(tree, folder, [...BASE, ...single, '--output=single.efi'])
    ukify(tree, folder, ['--profile=@reset', '--cmdline=reset', '--output=reset.efi'])
    const profiles = ['--profile=@main', '--join-profile=reset.efi', '--pcr-private-key=rsa.key']
    ukify(tree, folder, [...BASE, ...profiles, '--output=profiles.efi'])
    const trees = ['--devicetree-auto=tree1', '--devicetree-auto=tree2']
    ukify(tree, folder, [...BASE, ...trees, '--pcr-private-key=rsa.key', '--output=trees.efi'])
    ukify(tree, folder, [...BASE, '--output=bare.efi'])
    sbsign(tree, folder, 'single.efi', 'signed.efi')
    writeFileSync(path('odd.efi'), Buffer.concat([read('single.efi'), Buffer.from('tail!')]))
  })

  test.runIf(ready)('ukify --measure prints what calculate --uki prints', async () => {
    const { stdout } = await extsign(['pcr', 'calculate', '--uki', path('single.efi'), '-j'])
    // 257 prints it as text whatever it is asked for.
    if (is262) expect(measured.split('\n')).toContain(stdout.trimEnd())
    const banks: Readonly<Record<string, readonly { readonly hash: string }[]>> = JSON.parse(stdout)
    const hashes = Object.values(banks).flatMap((entries) => entries.map(({ hash }) => hash))
    expect(hashes.filter((hash) => !measured.includes(hash))).toEqual([])
    expect(hashes).toHaveLength(16)
  })

  test.runIf(ready)('systemd-pcrlock lock-uki measures the same events', async () => {
    const records = pcrlock(tree, folder, 'lock-uki', 'single.efi')
    const uki = await openUki(await opened(read('single.efi')))
    const [boot] = await measureUki(uki)
    const theirs = records.filter(({ pcr }) => pcr === 11)
    expect(theirs.map(digestsOf)).toEqual(
      boot!.events.map(({ digests }) => {
        return Object.fromEntries([...digests].map(([bank, digest]) => [bank, toHex(digest)]))
      }),
    )
    expect(theirs.length).toBeGreaterThan(14)
  })

  test.runIf(ready)('systemd-pcrlock lock-pe computes the same Authenticode hash', async () => {
    for (const file of ['single.efi', 'profiles.efi', 'signed.efi', 'odd.efi']) {
      const [record] = pcrlock(tree, folder, 'lock-pe', file)
      const pe = await opened(read(file))
      for (const bank of PCR_BANKS) {
        expect(toHex(await authenticodeDigest(pe, bank))).toBe(digestsOf(record!)[bank])
      }
    }
  })

  test.runIf(ready)('what ukify signed is found to be right, or wrong where it is', async () => {
    const failed = async (file: string) => {
      const { findings } = await verifyPolicies({ uki: path(file) })
      return findings.flatMap((finding) => (finding.ok ? [] : [finding.check]))
    }
    if (is262) {
      expect(await failed('single.efi')).toEqual([])
      expect(await failed('profiles.efi')).toEqual([])
      expect(await failed('trees.efi')).toEqual([])
    } else {
      // Banks other than SHA-256 with their own hash, and device trees as if they were .hwids.
      expect(new Set(await failed('single.efi'))).toEqual(new Set(['signature']))
      expect(new Set(await failed('profiles.efi'))).toEqual(new Set(['signature']))
      expect(await failed('trees.efi')).toContain('states')
    }
    expect(await failed('bare.efi')).toEqual(['signatures', 'public key'])
  })

  test.runIf(ready)('systemd-measure --append takes the .pcrsig that sign writes', async () => {
    const document = (
      await extsign([
        'pcr',
        'sign',
        '--uki',
        path('profiles.efi'),
        '--private-key',
        path('rsa.key'),
      ])
    ).stdout
    writeFileSync(path('document.json'), document)
    const sections = ['linux', 'initrd'].map((section) => `--${section}=${section}`)
    const appended = inFolder(tree, folder, `${LIBEXEC}/systemd-measure`, [
      ...['sign', '--private-key=rsa.key', '--append=document.json', '--phase=x', '--bank=sha256'],
      ...sections,
    ])
    const ours = JSON.parse(document)
    expect(JSON.parse(appended).sha256.slice(0, -1)).toEqual(ours.sha256)
    expect(ours.sha256).toHaveLength(8)
  })

  test.runIf(ready)('a signature for Secure Boot is kept or taken off, never broken', async () => {
    const args = ['pcr', 'sign', '--private-key', path('rsa.key'), '--bank=sha256']
    const refused = await extsign([...args, '--uki', path('signed.efi'), '-o', path('never.efi')])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('carries an Authenticode signature')
    const strip = ['--uki', path('signed.efi'), '--strip-authenticode', '-o', path('stripped.efi')]
    expect((await extsign([...args, ...strip])).code).toBe(0)
    expect(
      (await extsign([...args, '--uki', path('single.efi'), '-o', path('plain.efi')])).code,
    ).toBe(0)
    expect(read('stripped.efi').equals(read('plain.efi'))).toBe(true)
    sbsign(tree, folder, 'stripped.efi', 'again.efi')
    const again = await opened(read('again.efi'))
    expect(await authenticodeDigest(again, 'sha256')).toEqual(
      await authenticodeDigest(await opened(read('stripped.efi')), 'sha256'),
    )
  })

  test.runIf(ready)('any change of the headers gives a value or a FormatError', async () => {
    const original = read('profiles.efi')
    const { headersSize } = await opened(original)
    const change = fc.tuple(fc.nat(headersSize - 1), fc.integer({ min: 0, max: 255 }))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const bytes = new Uint8Array(original)
        for (const [offset, value] of changes) bytes[offset] = value
        try {
          const uki = await openUki(await opened(bytes))
          await measureUki(uki, { banks: ['sha1'], phases: [''] })
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test.runIf(ready)('any cut gives a FormatError', async () => {
    const original = new Uint8Array(read('single.efi'))
    for (let size = 0; size < original.length - 512; size += 97) {
      const attempt = opened(original.subarray(0, size)).then(openUki)
      await expect(attempt).rejects.toBeInstanceOf(FormatError)
    }
  })
})

describe('signatures made elsewhere, for an image of ukify 262', () => {
  const ready = available('root', 'tree:sid', 'openssl')
  const folder = temporaryFolder()
  const path = (file: string) => join(folder, file)
  const read = (file: string) => readFileSync(path(file))

  beforeAll(() => {
    if (!ready) return
    prepare(folder)
    const digest = ['--policy-digest', '--json=short', '--pcr-public-key=rsa.pub']
    ukify('sid', folder, [...BASE, ...digest, '--output=room.efi'])
  })

  test.runIf(ready)('ukify --join-pcrsig and join make the same image', async () => {
    const to = async (...args: string[]) => {
      const { code, stderr } = await extsign(['pcr', ...args])
      expect([code, stderr.replace(/^extsign: note: sign .*\n/, '')]).toEqual([0, ''])
    }
    const sign = ['--uki', path('room.efi'), '--private-key', path('rsa.key')]
    await to('sign', ...sign, '--signatures', path('signatures.json'))
    ukify('sid', folder, [
      '--join-pcrsig=room.efi',
      '--pcrsig=@signatures.json',
      '--output=theirs.efi',
    ])
    await to('join', path('signatures.json'), '--uki', path('room.efi'), '-o', path('ours.efi'))
    await to('sign', ...sign, '-o', path('direct.efi'))
    expect(read('ours.efi').equals(read('theirs.efi'))).toBe(true)
    expect(read('direct.efi').equals(read('theirs.efi'))).toBe(true)
    expect((await verifyPolicies({ uki: path('ours.efi') })).verdict).toBe('ok')

    const inspected = inFolder('sid', folder, 'ukify', ['inspect', 'ours.efi', '--json=short'])
    const text: string = JSON.parse(inspected)['.pcrsig'].text
    expect(Object.keys(JSON.parse(text))).toEqual(['sha1', 'sha256', 'sha384', 'sha512'])
  })

  test.runIf(ready)('bare signatures of openssl are joined too', async () => {
    const { stdout } = await extsign([
      'pcr',
      'policy-digest',
      '--uki',
      path('room.efi'),
      '--bank=sha256',
    ])
    const entries: { readonly tbs: string }[] = JSON.parse(stdout).sha256
    const files = entries.map(({ tbs }, index) => {
      writeFileSync(path(`${index}.tbs`), Buffer.from(tbs, 'hex'))
      const into = path(`${index}.sig`)
      const sign = ['dgst', '-sha256', '-sign', path('rsa.key'), '-out', into, path(`${index}.tbs`)]
      output(tool('openssl'), sign)
      return into
    })
    const joined = await extsign(['pcr', 'join', ...files, '--uki', path('room.efi')])
    expect(joined.code).toBe(0)
    expect(JSON.parse(joined.stdout).sha256).toHaveLength(4)
  })
})

const BASE = [
  ...['--linux=linux', '--initrd=initrd', '--os-release=@osrel', '--cmdline=root=x quiet'],
  ...['--uname=6.1.2', '--microcode=ucode', `--stub=${STUB}`],
]

function prepare(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const write = (name: string, content: string | Uint8Array) =>
    writeFileSync(join(folder, name), content)
  write('linux', Buffer.alloc(70_001, 'kernel'))
  write('initrd', Buffer.alloc(130_000, 'initrd'))
  write('ucode', '070701ucode')
  write('osrel', 'ID=test\nVERSION_ID=1\n')
  write('main', 'ID=main\nTITLE=Main\n')
  write('reset', 'ID=reset\nTITLE=Reset\n')
  // The headers of two device trees with nothing in them.
  for (const [name, tail] of Object.entries({ tree1: 1, tree2: 2 })) {
    write(name, Buffer.concat([Buffer.from('d00dfeed00000038', 'hex'), Buffer.alloc(48, tail)]))
  }
  const { privateKey, certificate } = makeKey(folder)
  write('rsa.key', readFileSync(privateKey))
  chmodSync(join(folder, 'rsa.key'), 0o600)
  write('rsa.crt', readFileSync(certificate))
  output(tool('openssl'), ['pkey', '-in', privateKey, '-pubout', '-out', join(folder, 'rsa.pub')])
}

function inFolder(
  tree: TreeName,
  folder: string,
  command: string,
  args: readonly string[],
): string {
  const script = 'cd "$1" && shift && exec "$@"'
  return outputInTree(tree, folder, 'sh', ['-c', script, 'sh', folder, command, ...args])
}

function ukify(tree: TreeName, folder: string, args: readonly string[]): string {
  return inFolder(tree, folder, 'ukify', ['build', ...args])
}

function sbsign(tree: TreeName, folder: string, from: string, to: string): void {
  const keys = ['--private-key=rsa.key', '--certificate=rsa.crt']
  inFolder(tree, folder, `${LIBEXEC}/systemd-sbsign`, ['sign', ...keys, `--output=${to}`, from])
}

function pcrlock(
  tree: TreeName,
  folder: string,
  verb: string,
  file: string,
): readonly PcrlockRecord[] {
  const into = join(folder, `${file}.${verb}.json`)
  inFolder(tree, folder, `${LIBEXEC}/systemd-pcrlock`, [verb, file, `--pcrlock=${into}`])
  return JSON.parse(readFileSync(into, 'utf8')).records
}

function digestsOf({ digests }: PcrlockRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(digests.map(({ hashAlg, digest }) => [hashAlg, digest]))
}
