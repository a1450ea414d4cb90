/** Messages that openssl made, with what went into them: `test/vectors/pkcs7`. */

import { readFileSync } from 'node:fs'
import { fromHex } from '../../../src/bytes/hex.ts'

export interface MessageVector {
  readonly rootHash: string
  readonly certificate: Uint8Array
  /** The raw signature inside the message. */
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly messageWithoutCertificate: Uint8Array | undefined
}

/** Reads `test/vectors/pkcs7/<name>.txt`. */
export function readVector(name: 'rsa' | 'ec'): MessageVector {
  const url = new URL(`../../vectors/pkcs7/${name}.txt`, import.meta.url)
  const text = readFileSync(url, 'utf8')
  const bytes = (field: string) => {
    const match = new RegExp(`^${field}:\n([0-9a-f\n]+)`, 'm').exec(text)
    return match ? fromHex(match[1]!.replaceAll('\n', '')) : undefined
  }
  return {
    rootHash: /^root-hash: ([0-9a-f]{64})$/m.exec(text)![1]!,
    certificate: bytes('certificate')!,
    signature: bytes('signature')!,
    message: bytes('message')!,
    messageWithoutCertificate: bytes('message-without-certificate'),
  }
}
