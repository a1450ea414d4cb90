/** Credentials with known contents: `test/vectors/credential`. */

import { readFileSync } from 'node:fs'
import { fromHex } from '../../../src/bytes/hex.ts'

export const VECTOR_NAMES = ['null', 'host', 'host-scoped', 'tpm2-pinned'] as const
export type VectorName = (typeof VECTOR_NAMES)[number]

export interface CredentialVector {
  readonly type: string
  readonly key: Uint8Array
  readonly credential: Uint8Array
  /** Another field of the file, in bytes. */
  readonly bytes: (field: string) => Uint8Array
}

/** What all of them hold. */
export const CONTENT = {
  iv: fromHex('000102030405060708090a0b')!,
  metadata: { timestamp: 1_700_000_000_000_000n, notAfter: undefined, name: 'foo' },
  secret: new TextEncoder().encode('hunter2'),
} as const

/** The secret of the host of `host.txt`. */
export const HOST_SECRET = Uint8Array.from({ length: 4096 }, (_, index) => index % 251)

export function readVector(name: VectorName): CredentialVector {
  const url = new URL(`../../vectors/credential/${name}.txt`, import.meta.url)
  const text = readFileSync(url, 'utf8')
  const bytes = (field: string) => {
    const match = new RegExp(`^${field}:[ \n]((?:[0-9a-f ]+\n)+)`, 'm').exec(text)
    return fromHex(match![1]!.replaceAll(/\s/g, ''))!
  }
  return {
    type: /^type: (.*)$/m.exec(text)![1]!,
    key: bytes('key'),
    credential: bytes('credential'),
    bytes,
  }
}
