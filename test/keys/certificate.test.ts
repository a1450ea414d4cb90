import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { KeyError } from '../../src/errors.ts'
import { formatPem } from '../../src/formats/x509/pem.ts'
import { findValidityWarning, loadCertificate } from '../../src/keys/certificate.ts'
import { fileMaker } from './files.ts'
import { makeTestKey } from './test-keys.ts'

const writeFile = fileMaker()
const { certificate, certificatePem, keyPem, key } = makeTestKey('p256')
const second = makeTestKey('p384')

const readable = [
  ['PEM', certificatePem, 'pem', 1],
  ['DER', certificate, 'der', 1],
  ['PEM after text', `subject: somebody\n${certificatePem}`, 'pem', 1],
  ['PEM after text in latin1', Buffer.from(`für\n${certificatePem}`, 'latin1'), 'pem', 1],
  ['PEM with CRLF', certificatePem.replaceAll('\n', '\r\n'), 'pem', 1],
  ['a bundle, of which it takes the first', certificatePem + second.certificatePem, 'pem', 2],
  ['a bundle that starts with the key', keyPem + certificatePem, 'pem', 1],
  ['the label of old tools', formatPem('X509 CERTIFICATE', certificate), 'pem', 1],
] as const
test.each(readable)('reads %s', async (_, content, encoding, certificatesInFile) => {
  const path = writeFile('readable.crt', content)
  expect(await loadCertificate(path)).toMatchObject({
    der: certificate,
    fingerprint: createHash('sha256').update(certificate).digest('hex'),
    sourceFile: path,
    encoding,
    certificatesInFile,
    subject: { text: 'CN=TEST-DO-NOT-USE p256' },
  })
})

const pkcs8 = new Uint8Array(key.export({ type: 'pkcs8', format: 'der' }))
const refused = [
  ['a private key', keyPem, 'holds a private key, not a certificate'],
  ['a private key in DER', pkcs8, 'holds a private key, not a certificate'],
  [
    'an encrypted key',
    key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
    'holds an encrypted private key',
  ],
  ['a request', formatPem('CERTIFICATE REQUEST', certificate), 'holds a certificate request'],
  ['a public key', formatPem('PUBLIC KEY', certificate), 'holds a bare public key'],
  ['another PEM block', formatPem('PGP MESSAGE', certificate), 'holds something else'],
  ['nothing', '', 'is no certificate, neither PEM nor DER'],
  ['text', 'hello', 'is no certificate, neither PEM nor DER'],
  ['a block without an end', certificatePem.slice(0, 100), 'block CERTIFICATE has no end'],
  [
    'another structure',
    formatPem('CERTIFICATE', pkcs8),
    'cannot be read: x509: certificate content',
  ],
] as const
test.each(refused)('refuses %s', async (_, content, message) => {
  const path = writeFile('refused.crt', content)
  await expect(loadCertificate(path)).rejects.toThrow(
    expect.objectContaining({
      code: 'NOT_A_CERTIFICATE',
      message: expect.stringContaining(message),
    }),
  )
  await expect(loadCertificate(path)).rejects.toThrow(path)
})

describe('files that cannot be read', () => {
  const folder = dirname(writeFile('x', ''))

  test('a file that is not there', async () => {
    await expect(loadCertificate(join(folder, 'absent.crt'))).rejects.toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    )
  })

  test('a directory', async () => {
    const path = join(folder, 'directory.crt')
    mkdirSync(path)
    await expect(loadCertificate(path)).rejects.toThrow(
      `cannot read certificate: ${path} is a directory`,
    )
  })

  test('a file larger than any certificate', async () => {
    const path = writeFile('large.crt', new Uint8Array(1024 * 1024 + 1))
    await expect(loadCertificate(path)).rejects.toThrow(KeyError)
    await expect(loadCertificate(path)).rejects.toThrow('is larger than 1048576 bytes')
  })

  test('a device that never ends', async () => {
    await expect(loadCertificate('/dev/zero')).rejects.toThrow('/dev/zero is a device')
  })
})

const clocks = [
  ['2025-12-31T23:59:59Z', 'certificate x is not valid before 2026-01-01'],
  ['2026-01-01T00:00:00Z', undefined],
  ['2036-01-01T00:00:00Z', undefined],
  ['2036-01-01T00:00:01Z', 'certificate x expired on 2036-01-01'],
] as const
test.each(clocks)('at %s the validity says %s', async (now, warning) => {
  const loaded = await loadCertificate(writeFile('valid.crt', certificatePem))
  expect(findValidityWarning(loaded, new Date(now), 'x')).toBe(warning)
})
