/** What we say about the certificate parser of Linux, against the one of this machine. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as asn1js from 'asn1js'
import { describe, expect, test } from 'vitest'
import { decodeCertificate } from '../../src/formats/x509/decode.ts'
import { encodeTbsCertificate } from '../../src/formats/x509/encode.ts'
import { findKernelCertificateObjection } from '../../src/formats/x509/kernel.ts'
import { editDer } from '../formats/edit-der.ts'
import { makeTestKey, signRaw } from '../keys/test-keys.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const folder = temporaryFolder()

// add_key(2) into the keyring of the process, which is gone when it ends.
const ADD_KEY = `
my ($number, $file) = @ARGV;
open(my $handle, '<:raw', $file) or die; local $/; my $der = <$handle>;
my ($type, $name, $size) = ('asymmetric', 'TEST-DO-NOT-USE', length $der);
my $key = syscall($number, $type, $name, $der, $size, -2);
print $key < 0 ? $! + 0 : 0;
`
const ADD_KEY_NUMBER = { x64: 248, arm64: 217 }[process.arch as string]

/** The error number of the kernel for a certificate, 0 where it takes it. */
function offer(der: Uint8Array): number {
  const file = join(folder, 'certificate.der')
  writeFileSync(file, der)
  return Number(output(tool('perl'), ['-e', ADD_KEY, `${ADD_KEY_NUMBER}`, file]))
}

/** Whether this kernel parses certificates at all, and lets this process ask. */
function parsesCertificates(): boolean {
  if (!available('openssl', 'perl') || ADD_KEY_NUMBER === undefined) return false
  const errno = offer(makeTestKey('rsa2048').certificate)
  if (errno === 0) return true
  console.warn(`skipped: this kernel takes no certificates (add_key: error ${errno})`)
  return false
}

describe.runIf(parsesCertificates())('this kernel and we agree', () => {
  const rsa = (bits: number, ...more: string[]) => ['-newkey', `rsa:${bits}`, '-sha256', ...more]
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['RSA 1024', rsa(1024)],
    ['RSA 2048', rsa(2048)],
    ['RSA 2560', rsa(2560)],
    ['RSA 3072', rsa(3072)],
    ['RSA 4096', rsa(4096)],
    ['RSA 5120', rsa(5120)],
    ['RSA with SHA-512', rsa(2048, '-sha512')],
    ['RSA with SHA3-256', rsa(2048, '-sha3-256')],
    ['RSA with MD5', rsa(2048, '-md5')],
    ['RSA-PSS', rsa(2048, '-sigopt', 'rsa_padding_mode:pss')],
    ['Ed25519', ['-newkey', 'ed25519']],
    ['secp256k1', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1']],
  ]
  test.each(cases)('about a certificate of openssl with %s', (_, args) => {
    const file = join(folder, 'openssl.der')
    const files = ['-keyout', join(folder, 'openssl.key'), '-out', file, '-outform', 'der']
    output(tool('openssl'), [
      'req',
      '-x509',
      '-nodes',
      '-subj',
      '/CN=TEST-DO-NOT-USE',
      ...args,
      ...files,
    ])
    expectAgreement(new Uint8Array(readFileSync(file)))
  })

  test('about CA:FALSE spelled out', () => {
    const { key, certificate } = makeTestKey('rsa2048')
    const { publicKeyDer } = decodeCertificate(certificate)
    const tbs = encodeTbsCertificate({
      commonName: 'TEST-DO-NOT-USE',
      serial: new Uint8Array(16),
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2036-01-01T00:00:00Z'),
      publicKeyDer,
    })
    const BASIC_CONSTRAINTS_VALUE = [7, 0, 0, 2]
    const spelledOut = Uint8Array.of(0x30, 0x03, 0x01, 0x01, 0x00).buffer
    const value = new asn1js.OctetString({ valueHex: spelledOut })
    const objection = expectAgreement(assemble(editDer(tbs, BASIC_CONSTRAINTS_VALUE, value)))
    expect(objection).toContain('spell out CA:FALSE')
    expect(expectAgreement(assemble(tbs))).toBeUndefined()

    function assemble(content: Uint8Array): Uint8Array {
      const withTbs = editDer(certificate, [0], parse(content))
      const valueHex = Uint8Array.from(signRaw(key, content)).buffer
      return editDer(withTbs, [2], new asn1js.BitString({ valueHex }))
    }
  })
})

function expectAgreement(der: Uint8Array): string | undefined {
  const objection = findKernelCertificateObjection(decodeCertificate(der))
  expect({ objection, taken: offer(der) === 0 }).toEqual({
    objection,
    taken: objection === undefined,
  })
  return objection
}

function parse(der: Uint8Array): asn1js.BaseBlock {
  return asn1js.fromBER(Uint8Array.from(der).buffer, { parseEmbedded: false }).result
}
