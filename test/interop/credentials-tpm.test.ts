/** Credentials for a TPM, sealed by it and for it, both ways with systemd-creds of two generations. */

import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toBase64 } from '../../src/bytes/base64.ts'
import { toHex } from '../../src/bytes/hex.ts'
import { extendPolicyPcr } from '../../src/formats/tpm2/policy.ts'
import { parsePolicyKey } from '../../src/formats/tpm2/policy-key.ts'
import { openTpm } from '../../src/keys/tpm/index.ts'
import { extsign, runExtsign } from '../support/extsign.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { type SoftwareTpm, startTpm } from '../support/swtpm.ts'
import { systemdCreds, systemdCredsOutput } from '../support/systemd-creds.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const MACHINE = '0123456789abcdef0123456789abcdef'
const SECRET = 'correct horse battery staple'
const ZERO = new Uint8Array(32)
/** What a TPM has in PCRs 7 and 11 before anybody has measured anything. */
const EXPECTED_PCRS = `7:sha256=${'00'.repeat(32)}+11=${'00'.repeat(32)}`

const ready = available('root', 'swtpm', 'tree:trixie', 'tree:sid')

/** How a credential is sealed: with what, in which state, and for whom. */
type Kind = {
  readonly key: string
  readonly pcrs?: boolean
  readonly signed?: boolean
  readonly host?: boolean
  readonly scoped?: boolean
}

const KINDS: readonly Kind[] = [
  { key: 'tpm2' },
  { key: 'tpm2', pcrs: true },
  { key: 'tpm2-with-public-key', signed: true },
  { key: 'tpm2-with-public-key', signed: true, pcrs: true },
  { key: 'host+tpm2', host: true },
  { key: 'host+tpm2-with-public-key', signed: true, host: true, pcrs: true },
  { key: 'host+tpm2', host: true, scoped: true },
  { key: 'host+tpm2-with-public-key', signed: true, host: true, scoped: true },
]

const describeKind = ({ key, pcrs, scoped }: Kind) =>
  [key, ...(pcrs ? ['PCRs'] : []), ...(scoped ? ['scoped'] : [])].join(', ')

describe.runIf(ready).each(GENERATIONS)('%s', (_, tree) => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  const hostSecret = at('host.secret')
  let tpm: SoftwareTpm

  beforeAll(async () => {
    tpm = await startTpm(at('tpm-state'))
    await writeStorageKeys(tpm.device, at('legacy.pub'), at('srk.pub'))
    writePolicyKey(at('policy.pem'), at('signature.json'))
    extsign(['cred', 'setup', '--machine-id', MACHINE, hostSecret])
    writeFileSync(at('plain'), SECRET)
  })
  afterAll(() => tpm.stop())

  const ours = ({ key, pcrs, signed, host, scoped }: Kind) => [
    ...[`--with-key=${key}`],
    ...(host ? ['--host-secret', hostSecret] : []),
    ...(scoped ? ['--uid=1', '--user-name=daemon', '--machine-id', MACHINE] : []),
    ...(signed ? ['--tpm2-public-key', at('policy.pem')] : []),
    ...(pcrs ? ['--tpm2-pcrs', EXPECTED_PCRS] : []),
  ]
  const theirs = ({ key, pcrs, signed, scoped }: Kind) => [
    ...[`--with-key=${key}`, `--tpm2-device=${tpm.device}`],
    ...(signed ? [`--tpm2-public-key=${at('policy.pem')}`] : []),
    ...(scoped ? ['--uid=1'] : []),
    `--tpm2-pcrs=${pcrs ? '7+11' : ''}`,
  ]
  const openTheirs = ({ scoped, signed }: Kind, file: string, device = tpm.device) =>
    systemdCreds(
      tree,
      folder,
      [
        ...['decrypt', `--tpm2-device=${device}`],
        ...(signed ? [`--tpm2-signature=${at('signature.json')}`] : []),
        ...(scoped ? ['--uid=1'] : []),
        ...[file, '-'],
      ],
      { hostSecret },
    )
  const openingOptions = ({ host, scoped, signed }: Kind) => [
    ...(host ? ['--host-secret', hostSecret] : []),
    ...(signed ? ['--tpm2-signature', at('signature.json')] : []),
    ...(scoped ? ['--uid=1', '--user-name=daemon', '--machine-id', MACHINE] : []),
  ]
  const openOurs = (kind: Kind, file: string, device = tpm.device) =>
    runExtsign(['cred', 'decrypt', '--tpm2-device', device, ...openingOptions(kind), file])

  /** Where a credential is sealed, and under which key of the TPM. */
  const sealers = () =>
    [
      ['online', ['--tpm2-device', tpm.device]],
      ['offline', ['--tpm2-device-key', at('legacy.pub')]],
      ...(tree === 'sid'
        ? [
            ['online-pinned', ['--tpm2-device', tpm.device, '--target-version=262']] as const,
            ['offline-pinned', ['--tpm2-device-key', at('srk.pub')]] as const,
          ]
        : []),
    ] as const

  describe.each(KINDS.map((kind) => [describeKind(kind), kind] as const))('%s', (name, kind) => {
    test('systemd-creds and extsign open what extsign seals, with the TPM and without', () => {
      for (const [how, options] of sealers()) {
        const file = at(`${how}-${name}`)
        extsign(['cred', 'encrypt', ...ours(kind), ...options, at('plain'), file])
        const opened = [openTheirs(kind, file), openOurs(kind, file)]
        expect([how, ...opened.map(({ stdout, stderr }) => stdout || stderr)]).toEqual([
          how,
          SECRET,
          SECRET,
        ])
        const shown = JSON.parse(extsign(['cred', 'inspect', '--json', file]))
        expect(shown.tpm2.sealedOffDevice).toBe(how.startsWith('offline'))
        expect(shown.parent !== undefined).toBe(how.endsWith('pinned'))
      }
    })

    test('extsign opens and explains what systemd-creds seals', () => {
      const file = at(`theirs-${name}`)
      systemdCredsOutput(tree, folder, ['encrypt', ...theirs(kind), at('plain'), file], {
        hostSecret,
      })
      expect(openOurs(kind, file)).toMatchObject({ status: 0, stdout: SECRET })
      const { tpm2, publicKey, parent, scope } = JSON.parse(
        extsign(['cred', 'inspect', '--json', file]),
      )
      expect(tpm2).toMatchObject({ pcrs: kind.pcrs ? [7, 11] : [], sealedOffDevice: false })
      expect(publicKey?.pcrs).toEqual(kind.signed ? [11] : undefined)
      expect(parent?.handle).toBe(tree === 'sid' ? '0x81000001' : undefined)
      expect(scope).toBe(kind.scoped ? 'user' : 'system')
    })
  })

  describe('another TPM', () => {
    let other: SoftwareTpm
    beforeAll(async () => {
      other = await startTpm(at('other-state'))
      await writeStorageKeys(other.device, at('other-legacy.pub'), at('other-srk.pub'))
    })
    afterAll(() => other.stop())

    test.each(['online', 'offline'])('opens nothing that was sealed %s', (how) => {
      const file = at(`${how}-tpm2`)
      expect(openTheirs({ key: 'tpm2' }, file, other.device).status).toBe(1)
      const refused = openOurs({ key: 'tpm2' }, file, other.device)
      expect([refused.status, refused.stdout]).toEqual([3, ''])
      expect(refused.stderr).toContain('not sealed for')
    })
  })

  test('the wrong name is refused, and so is what has expired', () => {
    const file = at('old')
    const times = ['--timestamp=@1', '--not-after=@2']
    const key = ['--tpm2-device-key', at('legacy.pub')]
    extsign(['cred', 'encrypt', ...times, ...key, at('plain'), file])
    const expired = openOurs({ key: 'tpm2' }, file)
    expect([expired.status, expired.stderr]).toEqual([3, expect.stringContaining('valid until')])
    expect(openTheirs({ key: 'tpm2' }, file).status).toBe(1)
  })

  test('a batch seals for host and TPM, and what it makes is sealed anew for the other', () => {
    const lines = [
      { output: at('many/host'), 'host-secret': hostSecret },
      { output: at('many/tpm2'), 'tpm2-device-key': at('legacy.pub') },
    ]
    const text = lines.map((line) => JSON.stringify({ input: at('plain'), ...line })).join('\n')
    extsign(['cred', 'batch', '-'], { input: text })
    const old = ['--old-host-secret', hostSecret, '--old-tpm2-device', tpm.device]
    extsign(['cred', 'rekey', ...old, '--tpm2-device', tpm.device, at('many'), at('for-tpm')])
    extsign(['cred', 'rekey', ...old, '--host-secret', hostSecret, at('for-tpm'), at('for-host')])
    const folders = ['many', 'for-tpm', 'for-host']
    const files = folders.flatMap((name) => [`${name}/host`, `${name}/tpm2`])
    const opened = files.map((file) => openTheirs({ key: 'any' }, at(file)).stdout)
    expect(opened).toEqual(files.map(() => SECRET))
  })

  test('without a signature for this state there is no secret', () => {
    writeFileSync(at('empty.json'), '{"sha256":[]}')
    const args = ['--tpm2-device', tpm.device, '--tpm2-signature', at('empty.json')]
    const refused = runExtsign(['cred', 'decrypt', ...args, at('offline-tpm2-with-public-key')])
    expect([refused.status, refused.stdout]).toEqual([3, ''])
  })

  describe('once PCR 11 has moved', () => {
    beforeAll(() => {
      const device = tpm.device
      const extend = ['-T', device, `11:sha256=${'11'.repeat(32)}`]
      outputInTree(tree, folder, 'tpm2_pcrextend', extend)
    })

    test.each(['online', 'offline'])('what was sealed %s to it stays closed', (how) => {
      for (const kind of KINDS.filter(({ pcrs, signed }) => pcrs || signed)) {
        const file = at(`${how}-${describeKind(kind)}`)
        const refused = openOurs(kind, file)
        expect([describeKind(kind), refused.status, refused.stdout]).toEqual([
          describeKind(kind),
          3,
          '',
        ])
        expect(openTheirs(kind, file).status).toBe(1)
      }
      expect(openOurs({ key: 'tpm2' }, at(`${how}-tpm2`)).stdout).toBe(SECRET)
    })
  })
})

/** The two storage keys of a TPM, as a machine would hand them to whoever seals for it. */
async function writeStorageKeys(device: string, legacy: string, srk: string): Promise<void> {
  const tpm = await openTpm(device)
  writeFileSync(legacy, (await tpm.storageKey('legacy')).tpm2bPublic)
  writeFileSync(srk, (await tpm.storageKey('srk')).tpm2bPublic)
  await tpm.close()
}

/** A key, and its signature for the machine in which PCR 11 is zero. */
function writePolicyKey(keyFile: string, signatureFile: string): void {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(keyFile, publicKey.export({ type: 'spki', format: 'pem' }))
  const policy = extendPolicyPcr(ZERO, { bank: 'sha256', values: new Map([[11, ZERO]]) })
  const entry = {
    pcrs: [11],
    pkfp: toHex(parsePolicyKey(readFileSync(keyFile)).fingerprint),
    pol: toHex(policy),
    sig: toBase64(sign('sha256', policy, privateKey)),
  }
  writeFileSync(signatureFile, JSON.stringify({ sha256: [entry] }))
}
