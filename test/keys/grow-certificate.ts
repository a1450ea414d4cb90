/** Certificates that are larger than anybody would make them. */

import * as asn1js from 'asn1js'
import { formatPem } from '../../src/formats/x509/pem.ts'
import { editDer } from '../formats/edit-der.ts'
import type { TestKey } from './test-keys.ts'

const SECOND_EXTENSION = [0, 7, 0, 1]

/** The certificate with another extension of `size` bytes. */
export function growCertificate(certificate: Uint8Array, size: number): Uint8Array {
  const content = new asn1js.OctetString({ valueHex: new ArrayBuffer(size) }).toBER()
  const extension = new asn1js.Sequence({
    value: [
      new asn1js.ObjectIdentifier({ value: '1.2.3.4' }),
      new asn1js.OctetString({ valueHex: content }),
    ],
  })
  return editDer(certificate, SECOND_EXTENSION, extension, 'insert')
}

/** A key whose certificate is larger by `size` bytes. */
export function withGrownCertificate(key: TestKey, size: number): TestKey {
  const certificate = growCertificate(key.certificate, size)
  return { ...key, certificate, certificatePem: formatPem('CERTIFICATE', certificate) }
}
