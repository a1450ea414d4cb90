import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { type Certificate, decodeCertificate } from '../../src/formats/x509/decode.ts'
import { type DoorName, judgeCertificate, judgePcrSigning } from '../../src/keys/doors.ts'
import { inspectKeys } from '../../src/keys/inspect.ts'
import { fileMaker } from './files.ts'
import { makeTestKey } from './test-keys.ts'

const writeFile = fileMaker()
const rsa = makeTestKey('rsa2048')
const ec = makeTestKey('p256')
const NOW = new Date('2030-01-01T00:00:00Z')

describe('files', () => {
  test('a key and its certificate, and another certificate', async () => {
    const key = writeFile('release.key', rsa.keyPem)
    const certificate = writeFile('release.crt', rsa.certificatePem)
    const other = writeFile('other.crt', ec.certificatePem)
    const { items, pairs } = await inspectKeys([key, certificate, other], { now: NOW })
    expect(items).toMatchObject([
      { kind: 'private-key', path: key, algorithm: 'RSA 2048', encrypted: false, warnings: [] },
      {
        kind: 'certificate',
        path: certificate,
        algorithm: 'RSA 2048',
        subject: 'CN=TEST-DO-NOT-USE rsa2048',
        issuer: 'CN=TEST-DO-NOT-USE rsa2048',
        serial: toHex(new Uint8Array(16).fill(0x7b)),
        validity: 'valid',
        warnings: [],
      },
      { kind: 'certificate', path: other, algorithm: 'EC P-256' },
    ])
    expect(pairs).toEqual([
      { privateKey: key, certificate, belongTogether: true },
      { privateKey: key, certificate: other, belongTogether: false },
    ])
  })

  const clocks = [
    ['2025-06-01', 'not-yet-valid'],
    ['2026-06-01', 'valid'],
    ['2036-06-01', 'expired'],
  ] as const
  test.each(clocks)('in %s the certificate is %s', async (now, validity) => {
    const path = writeFile('x.crt', ec.certificatePem)
    const { items } = await inspectKeys([path], { now: new Date(now) })
    expect(items).toMatchObject([{ validity }])
  })

  test('a bundle gives key and first certificate, and says that there are more', async () => {
    const path = writeFile('bundle.pem', ec.keyPem + ec.certificatePem + rsa.certificatePem)
    const { items, pairs } = await inspectKeys([path], { now: NOW })
    expect(items.map(({ kind }) => kind)).toEqual(['private-key', 'certificate'])
    expect(items[1]?.warnings).toEqual([
      'the file holds 2 certificates, of which readers take the first',
    ])
    expect(pairs).toEqual([{ privateKey: path, certificate: path, belongTogether: true }])
  })

  test('an encrypted key is opened with its passphrase, else left alone', async () => {
    const content = ec.key.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    })
    const files = [writeFile('e.key', content), writeFile('e.crt', ec.certificatePem)]
    const closed = await inspectKeys(files, { now: NOW })
    expect(closed.items[0]).toMatchObject({
      encrypted: true,
      warnings: ['encrypted: not looked into'],
    })
    expect(closed.items[0]).not.toHaveProperty('algorithm')
    expect(closed.pairs).toEqual([])
    const passphrase = new TextEncoder().encode('secret')
    const open = await inspectKeys(files, { now: NOW, passphrase })
    expect(open.items[0]).toMatchObject({ encrypted: true, algorithm: 'EC P-256' })
    expect(open.pairs).toMatchObject([{ belongTogether: true }])
  })

  test('an Ed25519 key is shown with the reason why it is of no use', async () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const path = writeFile('ed.key', privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const { items } = await inspectKeys([path], { now: NOW })
    expect(items).toMatchObject([
      {
        algorithm: 'Ed25519',
        warnings: [
          'EdDSA keys cannot sign a PKCS#7 message, neither for the kernel nor for systemd',
        ],
        doors: [{ door: 'pcr-signing', accepted: false }],
      },
    ])
  })

  test('a file with neither is refused', async () => {
    const path = writeFile('text', 'hello')
    await expect(inspectKeys([path], { now: NOW })).rejects.toThrow(
      expect.objectContaining({
        code: 'NOT_A_KEY',
        message: `${path} holds neither a private key nor a certificate`,
      }),
    )
  })
})

describe('doors', () => {
  const good = decodeCertificate(rsa.certificate)
  const authority = (usages: readonly ('keyCertSign' | 'digitalSignature')[]) => ({
    extensions: {
      present: [],
      basicConstraints: { critical: true, certificateAuthority: true, explicitFalse: false },
      keyUsage: { critical: true, usages },
    },
  })
  const explicitFalse = {
    extensions: {
      present: [],
      basicConstraints: { critical: true, certificateAuthority: false, explicitFalse: true },
    },
  }
  const ed25519 = { publicKey: { kind: 'other', name: 'Ed25519' } } as const
  const pss = {
    publicKey: { kind: 'rsa', bits: 2048, exponent: 65537, restrictedToPss: true },
  } as const
  const signedWithPss = { signatureAlgorithm: '1.2.840.113549.1.1.10' }
  const other = { issuer: { der: new Uint8Array(), text: 'CN=Example CA' } }
  const p256 = { publicKey: { kind: 'ec', curve: 'p256' } } as const

  type Row = readonly [string, Partial<Certificate>, DoorName, boolean, string | undefined]
  const cases: readonly Row[] = [
    ['our certificate', {}, 'kernel-builtin', true, 'CONFIG_SYSTEM_TRUSTED_KEYS'],
    ['our certificate', {}, 'kernel-secondary', false, 'signed by itself'],
    ['our certificate', {}, 'kernel-platform', true, 'UEFI db'],
    ['our certificate', {}, 'kernel-machine', true, 'wants CA:TRUE and keyCertSign'],
    ['our certificate', {}, 'verity.d', true, undefined],
    ['our certificate', {}, 'pcr-signing', true, undefined],
    ['one somebody else signed', other, 'kernel-secondary', true, 'already trusts CN=Example CA'],
    ['a CA without keyCertSign', authority([]), 'kernel-machine', true, 'wants keyCertSign'],
    ['a CA', authority(['keyCertSign']), 'kernel-machine', true, undefined],
    [
      'a CA that also signs',
      authority(['keyCertSign', 'digitalSignature']),
      'kernel-machine',
      true,
      'wants no digitalSignature',
    ],
    ['CA:FALSE spelled out', explicitFalse, 'kernel-platform', false, 'spell out CA:FALSE'],
    ['CA:FALSE spelled out', explicitFalse, 'verity.d', true, undefined],
    ['Ed25519', ed25519, 'kernel-builtin', false, 'no use for Ed25519'],
    ['Ed25519', ed25519, 'verity.d', false, 'cannot sign a PKCS#7 message'],
    ['Ed25519', ed25519, 'pcr-signing', false, 'Ed25519 keys never unlock anything'],
    ['an RSA-PSS key', pss, 'kernel-secondary', false, 'RSA-PSS'],
    ['an RSA-PSS key', pss, 'verity.d', false, 'RSA-PSS'],
    ['an RSA-PSS key', pss, 'pcr-signing', false, 'PKCS#1 v1.5'],
    ['a signature with RSA-PSS', signedWithPss, 'kernel-machine', false, 'signed with RSASSA-PSS'],
    ['a signature with RSA-PSS', signedWithPss, 'verity.d', true, undefined],
    ['EC', p256, 'kernel-builtin', true, 'CONFIG_SYSTEM_TRUSTED_KEYS'],
    ['EC', p256, 'verity.d', true, undefined],
    ['EC', p256, 'pcr-signing', false, 'EC P-256 keys never unlock anything'],
  ]
  test.each(cases)('%s', (_, change, name, accepted, reason) => {
    const doors = judgeCertificate({ ...good, ...change }, { path: 'release.crt', encoding: 'pem' })
    const door = doors.find((candidate) => candidate.door === name)
    expect(door?.accepted).toBe(accepted)
    if (reason === undefined) expect(door).not.toHaveProperty('reason')
    else expect(door?.reason).toContain(reason)
  })

  test('DER is not for verity.d', () => {
    const doors = judgeCertificate(good, { path: 'release.crt', encoding: 'der' })
    expect(doors).toContainEqual({
      door: 'verity.d',
      accepted: false,
      reason: 'it is DER, and systemd reads PEM only',
    })
  })

  test('a name that ends in .pem is not for verity.d', () => {
    const doors = judgeCertificate(good, { path: 'release.pem', encoding: 'pem' })
    expect(doors).toContainEqual({
      door: 'verity.d',
      accepted: false,
      reason: 'the file name must end in .crt; others are skipped without a word',
    })
  })

  const sizes = [
    [2048, 65537, true, undefined],
    [3072, 65537, true, 'not every TPM'],
    [4096, 65537, true, 'not every TPM'],
    [8192, 65537, false, 'not 8192'],
    [2048, 3, false, 'not 3'],
  ] as const
  test.each(sizes)(
    'PCR signing with RSA %i and exponent %i',
    (bits, exponent, accepted, reason) => {
      const door = judgePcrSigning({ kind: 'rsa', bits, exponent, restrictedToPss: false })
      expect(door.accepted).toBe(accepted)
      if (reason === undefined) expect(door).not.toHaveProperty('reason')
      else expect(door.reason).toContain(reason)
    },
  )
})
