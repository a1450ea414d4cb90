/** Throw-away keys made by openssl. */

import { join } from 'node:path'
import { output } from './run.ts'
import { tool } from './tools.ts'

export interface KeyFiles {
  /** PKCS#8, PEM. */
  readonly privateKey: string
  /** Self-signed, PEM. */
  readonly certificate: string
}

export type KeyKind = 'rsa2048' | 'rsa4096' | 'p256' | 'p384'

const ALGORITHMS: Readonly<Record<KeyKind, readonly string[]>> = {
  rsa2048: ['-newkey', 'rsa:2048'],
  rsa4096: ['-newkey', 'rsa:4096'],
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
}

/** Makes a key and its certificate in `folder`. */
export function makeKey(folder: string, kind: KeyKind = 'rsa2048', name: string = kind): KeyFiles {
  const privateKey = join(folder, `${name}.TEST-DO-NOT-USE.key`)
  const certificate = join(folder, `${name}.TEST-DO-NOT-USE.crt`)
  const subject = ['-subj', `/CN=TEST-DO-NOT-USE ${name}`, '-days', '3650', '-sha256']
  const files = ['-keyout', privateKey, '-out', certificate]
  output(tool('openssl'), ['req', '-x509', '-nodes', ...ALGORITHMS[kind], ...subject, ...files])
  return { privateKey, certificate }
}
