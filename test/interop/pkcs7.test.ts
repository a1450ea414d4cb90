/** Keys, certificates and messages against openssl, in both directions. */

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { decodeSignedData } from '../../src/formats/pkcs7/decode.ts'
import { findDeviations } from '../../src/formats/pkcs7/deviation.ts'
import { findKernelObjection } from '../../src/formats/pkcs7/kernel.ts'
import { attachSignature, requestSignature, signRootHash } from '../../src/images/sign.ts'
import { loadCertificate } from '../../src/keys/certificate.ts'
import { fileSigner } from '../../src/keys/file-signer.ts'
import { generateKey, KEY_ALGORITHMS } from '../../src/keys/generate.ts'
import { loadPrivateKey } from '../../src/keys/private-key.ts'
import { verifySignedData } from '../../src/keys/verify-signature.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const ROOT_HASH = '4f1e3b9a0c5d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d6e7f8'
const PASSPHRASE = 'correct horse'
const passphrase = new TextEncoder().encode(PASSPHRASE)

const folder = temporaryFolder()
const openssl = (...args: string[]) => output(tool('openssl'), args)
const path = (name: string) => join(folder, name)
const rootHashFile = path('root-hash')
writeFileSync(rootHashFile, ROOT_HASH)

describe.runIf(available('openssl'))('messages', () => {
  // One key for all certificates: what differs is what they say.
  const key = path('rsa.TEST-DO-NOT-USE.key')
  openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', key)

  const serials = ['0', '1', '127', '128', '255', '256', '-5', '-128', `0x${'ff'.repeat(20)}`]
  const names: readonly (readonly [string, string, string])[] = [
    ['several values in one part', 'utf8only', 'CN=a\n+OU=b\n+UID=c\nO=d'],
    ['parts in an unusual order', 'utf8only', 'CN=a\nC=DE\nemailAddress=a@example.org\nL=x'],
    ['UTF-8', 'utf8only', 'CN=Grüße aus 東京'],
    ['BMPString', 'MASK:0x800', 'CN=Grüße'],
    ['T61String', 'MASK:0x4', 'CN=Grüße'],
    ['PrintableString', 'MASK:0x2', 'CN=plain\nC=DE'],
    ['domain components', 'utf8only', 'DC=org\nDC=example\nCN=x'],
    ['an attribute nobody knows', 'utf8only', '1.2.3.4.5=x\nCN=y'],
    ['200 characters', 'utf8only', `description=${'x'.repeat(200)}`],
  ]
  const cases = [
    ...serials.map(
      (serial) => [`the serial number ${serial}`, serial, 'utf8only', 'CN=x'] as const,
    ),
    ...names.map(([label, mask, name], index) => [label, `${index + 1}`, mask, name] as const),
    ['an empty name', '77', 'utf8only', ''] as const,
  ]
  test.each(cases)('are openssl’s byte for byte with %s', async (_, serial, mask, name) => {
    const certificate = makeCertificate({ key, serial, mask, name })
    const signer = await fileSigner({ privateKey: key, certificate })
    for (const embedCertificate of [true, false]) {
      const expected = path('expected.p7s')
      const input = ['-sign', '-in', rootHashFile, '-inkey', key, '-signer', certificate]
      const form = ['-noattr', '-binary', '-md', 'sha256', '-outform', 'der', '-out', expected]
      openssl('smime', ...input, ...form, ...(embedCertificate ? [] : ['-nocerts']))
      const signing = { signer, certificate: signer.certificate.der, embedCertificate }
      const { pkcs7 } = await signRootHash(ROOT_HASH, signing, 'test')
      expect(toHex(pkcs7)).toBe(toHex(readFileSync(expected)))
    }
  })

  test.each(KEY_ALGORITHMS)(
    'with a key of %s pass smime and cms, and ours pass theirs',
    async (algorithm) => {
      const directory = mkdtempSync(path('keys-'))
      const files = await generateKey({
        ...{ directory, name: 'release', algorithm, days: 365, now: new Date() },
        commonName: 'TEST-DO-NOT-USE',
      })
      const signer = await fileSigner(files)
      const trusted = ['-certfile', files.certificate, '-nointern', '-noverify', '-binary']
      for (const embedCertificate of [true, false]) {
        const signing = { signer, certificate: signer.certificate.der, embedCertificate }
        const { pkcs7 } = await signRootHash(ROOT_HASH, signing, 'test')
        const message = path('message.p7s')
        writeFileSync(message, pkcs7)
        const input = ['-verify', '-inform', 'der', '-in', message, '-content', rootHashFile]
        expect(openssl('smime', ...input, ...trusted)).toBe(ROOT_HASH)
        expect(openssl('cms', ...input, ...trusted)).toBe(ROOT_HASH)
      }

      const theirs = path('theirs.p7s')
      const input = ['-sign', '-in', rootHashFile, '-inkey', files.privateKey]
      const form = ['-signer', files.certificate, '-noattr', '-binary', '-outform', 'der']
      openssl('smime', ...input, ...form, '-md', 'sha256', '-out', theirs)
      const message = decodeSignedData(new Uint8Array(readFileSync(theirs)))
      const content = new TextEncoder().encode(ROOT_HASH)
      expect(findDeviations(message)).toEqual([])
      expect(findKernelObjection(message)).toBeUndefined()
      expect(verifySignedData(message, content, [signer.certificate]).kind).toBe('valid')
    },
  )

  test('with attributes, as openssl makes them by default, verify and are named', async () => {
    const certificate = makeCertificate({ key, serial: '5', mask: 'utf8only', name: 'CN=x' })
    const message = path('attributes.p7s')
    const input = ['-sign', '-in', rootHashFile, '-inkey', key, '-signer', certificate]
    openssl('smime', ...input, '-binary', '-outform', 'der', '-out', message)
    const decoded = decodeSignedData(new Uint8Array(readFileSync(message)))
    const trusted = [await loadCertificate(certificate)]
    const verify = (text: string) =>
      verifySignedData(decoded, new TextEncoder().encode(text), trusted).kind
    expect(verify(ROOT_HASH)).toBe('valid')
    expect(verify(`${ROOT_HASH}\n`)).toBe('bad-signature')
    expect(findDeviations(decoded).map(({ field }) => field)).toContain('signed attributes')
  })

  test('of a CMS signer named by its key identifier are judged as the kernel does', () => {
    const certificate = makeCertificate({ key, serial: '6', mask: 'utf8only', name: 'CN=x' })
    const message = path('keyid.p7s')
    const input = ['-sign', '-in', rootHashFile, '-inkey', key, '-signer', certificate]
    openssl('cms', ...input, '-keyid', '-noattr', '-binary', '-outform', 'der', '-out', message)
    const decoded = decodeSignedData(new Uint8Array(readFileSync(message)))
    expect(decoded.signers[0]?.identifier.kind).toBe('subject-key-id')
    expect(findKernelObjection(decoded)).toBeUndefined()
    const pss = path('pss.p7s')
    const options = ['-keyopt', 'rsa_padding_mode:pss', '-noattr', '-binary']
    openssl('cms', ...input, ...options, '-outform', 'der', '-out', pss)
    const objection = findKernelObjection(decodeSignedData(new Uint8Array(readFileSync(pss))))
    expect(objection?.reason).toContain('RSASSA-PSS')
  })

  test('take a raw signature of openssl dgst', async () => {
    const certificate = makeCertificate({ key, serial: '7', mask: 'utf8only', name: 'CN=x' })
    const payload = path('payload')
    const raw = path('raw')
    writeFileSync(payload, requestSignature(ROOT_HASH, 'test').payload)
    openssl('dgst', '-sha256', '-sign', key, '-out', raw, payload)
    const { pkcs7 } = await attachSignature({
      rootHash: ROOT_HASH,
      signature: new Uint8Array(readFileSync(raw)),
      certificate: (await loadCertificate(certificate)).der,
    })
    expect(findKernelObjection(decodeSignedData(pkcs7))).toBeUndefined()
  })
})

describe.runIf(available('openssl'))('keys and certificates of ours', () => {
  const directory = mkdtempSync(path('ours-'))

  test.each(KEY_ALGORITHMS)('%s: openssl takes both, encrypted or not', async (algorithm) => {
    for (const encrypted of [false, true]) {
      const { privateKey, certificate } = await generateKey({
        ...{ directory, name: `${algorithm}-${encrypted}`, algorithm, days: 365, now: new Date() },
        passphrase: encrypted ? passphrase : undefined,
        commonName: 'TEST-DO-NOT-USE',
      })
      expect(openssl('verify', '-x509_strict', '-CAfile', certificate, certificate)).toContain('OK')
      const secret = ['-passin', `pass:${PASSPHRASE}`]
      expect(openssl('pkey', '-in', privateKey, ...secret, '-check', '-noout')).toContain('valid')
      expect(openssl('pkey', '-in', privateKey, ...secret, '-pubout')).toBe(
        openssl('x509', '-in', certificate, '-pubkey', '-noout'),
      )
      expect(openssl('pkcs8', '-in', privateKey, ...secret, '-topk8', '-nocrypt')).toContain(
        'BEGIN',
      )
      if (!encrypted) continue
      const structure = openssl('asn1parse', '-in', privateKey)
      for (const part of ['PBES2', 'PBKDF2', 'hmacWithSHA256', 'aes-256-cbc', ':0927C0']) {
        expect(structure).toContain(part)
      }
    }
  })

  test('say what they shall', async () => {
    const { certificate } = await generateKey({
      ...{ directory, name: 'text', algorithm: 'p256', days: 36_500, now: new Date() },
      commonName: 'TEST-DO-NOT-USE Grüße',
    })
    const text = openssl('x509', '-in', certificate, '-noout', '-text', '-nameopt', 'utf8')
    for (const line of [
      'Version: 3 (0x2)',
      'Signature Algorithm: ecdsa-with-SHA256',
      'Issuer: CN=TEST-DO-NOT-USE Grüße',
      'X509v3 Basic Constraints: critical\n                CA:FALSE',
      'X509v3 Key Usage: critical\n                Digital Signature\n',
      'X509v3 Subject Key Identifier:',
      'X509v3 Authority Key Identifier:',
    ]) {
      expect(text).toContain(line)
    }
  })
})

describe.runIf(available('openssl'))('keys of openssl', () => {
  const rsa = path('forms-rsa')
  const ec = path('forms-ec')
  openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', rsa)
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384', '-out', ec)
  const out = path('form')
  const secret = ['-passout', `pass:${PASSPHRASE}`]
  const pkcs8 = ['pkcs8', '-topk8']

  const forms: readonly (readonly [string, string, readonly string[], boolean])[] = [
    ['PKCS#8 in PEM', rsa, [...pkcs8, '-nocrypt'], false],
    ['PKCS#8 in DER', rsa, [...pkcs8, '-nocrypt', '-outform', 'der'], false],
    ['PKCS#1 in PEM', rsa, ['rsa', '-traditional'], false],
    ['PKCS#1 in DER', rsa, ['rsa', '-traditional', '-outform', 'der'], false],
    ['PKCS#1 encrypted the old way', rsa, ['rsa', '-traditional', '-aes256', ...secret], true],
    ['SEC1 in PEM', ec, ['ec'], false],
    ['SEC1 in DER', ec, ['ec', '-outform', 'der'], false],
    ['SEC1 encrypted the old way', ec, ['ec', '-aes128', ...secret], true],
    ['PKCS#8 of EC in DER', ec, [...pkcs8, '-nocrypt', '-outform', 'der'], false],
    ['PBES2 with AES', rsa, [...pkcs8, '-v2', 'aes-256-cbc', ...secret], true],
    [
      'PBES2 with AES in DER',
      rsa,
      [...pkcs8, '-v2', 'aes-256-cbc', '-outform', 'der', ...secret],
      true,
    ],
    ['PBES2 with scrypt', ec, [...pkcs8, '-scrypt', ...secret], true],
    ['PBES2 with 3DES', ec, [...pkcs8, '-v2', 'des3', ...secret], true],
  ]
  test.each(forms)('%s', async (_, source, args, encrypted) => {
    const [command = '', ...options] = args
    openssl(command, '-in', source, '-out', out, ...options)
    const { key } = await loadPrivateKey(out, encrypted ? passphrase : undefined)
    expect(key.equals(keyOf(source))).toBe(true)
    if (!encrypted) return
    const wrong = new TextEncoder().encode('wrong')
    await expect(loadPrivateKey(out)).rejects.toThrow(
      expect.objectContaining({ code: 'PASSPHRASE_NEEDED' }),
    )
    await expect(loadPrivateKey(out, wrong)).rejects.toThrow(
      expect.objectContaining({ code: 'WRONG_PASSPHRASE' }),
    )
  })

  test('encrypted with a retired cipher are refused for that, not for the passphrase', async () => {
    const providers = ['-provider', 'legacy', '-provider', 'default']
    openssl(...pkcs8, '-v1', 'PBE-MD5-DES', ...providers, '-in', ec, '-out', out, ...secret)
    await expect(loadPrivateKey(out, passphrase)).rejects.toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: `private key ${out} is encrypted with a retired cipher`,
      }),
    )
  })

  test('a request is not taken for a certificate', async () => {
    for (const form of ['pem', 'der']) {
      openssl('req', '-new', '-key', ec, '-subj', '/CN=x', '-outform', form, '-out', out)
      await expect(loadCertificate(out)).rejects.toThrow('holds a certificate request')
    }
  })
})

function keyOf(file: string): KeyObject {
  return createPrivateKey(readFileSync(file))
}

interface CertificateInput {
  readonly key: string
  readonly serial: string
  /** `string_mask` of openssl: which string types it may use. */
  readonly mask: string
  /** Attributes, one a line; a line that starts with `+` joins the one before. */
  readonly name: string
}

/** A self-signed certificate in PEM. */
function makeCertificate({ key, serial, mask, name }: CertificateInput): string {
  const config = path('certificate.cnf')
  const certificate = path('certificate.TEST-DO-NOT-USE.crt')
  const attributes = name.split('\n').map((line, index) => `${index}.${line}`)
  const settings = [
    '[req]',
    'distinguished_name=dn',
    'prompt=no',
    'utf8=yes',
    `string_mask=${mask}`,
  ]
  const extensions = ['x509_extensions=ext', '[ext]', 'subjectKeyIdentifier=hash', '[dn]']
  writeFileSync(config, [...settings, ...extensions, ...(name ? attributes : []), ''].join('\n'))
  const subject = name ? [] : ['-subj', '/']
  const options = ['-set_serial', serial, '-sha256', '-days', '3650', '-config', config]
  openssl('req', '-x509', '-new', '-key', key, '-out', certificate, ...options, ...subject)
  return certificate
}
