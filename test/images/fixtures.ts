/** Small signed images, and keys to check them with. */

import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { buildExtension } from '../../src/images/build.ts'
import type { Finding } from '../../src/images/checks/finding.ts'
import type { BuildOptions, BuildResult } from '../../src/images/options.ts'
import { type LoadedCertificate, parseCertificateFile } from '../../src/keys/certificate.ts'
import type { SigningRequest } from '../../src/keys/signer.ts'
import { signRaw, type TestKey } from '../keys/test-keys.ts'
import { writeFile } from '../support/sample-trees.ts'

/** The certificate of a key as if it had been read from `path`. */
export function certificateOf(key: TestKey, path = 'release.crt'): LoadedCertificate {
  return parseCertificateFile(encodeUtf8(key.certificatePem), path)
}

/** What `buildExtension` wants to know about a key. */
export function signingWith(key: TestKey, embedCertificate = true) {
  const signer = { sign: async (request: SigningRequest) => signRaw(key.key, request.payload) }
  return { signer, certificate: key.certificate, embedCertificate }
}

/** Builds `folder/fileName` from these files; its release file fits any OS. */
export function buildImage(
  folder: string,
  fileName: string,
  files: Readonly<Record<string, Uint8Array | string>>,
  options: Partial<BuildOptions> = {},
): Promise<BuildResult> {
  const kind = options.kind ?? 'sysext'
  const name = options.name ?? fileName.replace(/(\.sysext|\.confext)?\.raw$/, '')
  const tree = join(folder, `${fileName}.tree`)
  mkdirSync(join(tree, kind === 'sysext' ? 'usr' : 'etc'), { recursive: true })
  for (const [path, content] of Object.entries(files)) writeFile(join(tree, path), content)
  return buildExtension({
    kind,
    tree,
    output: join(folder, fileName),
    name,
    release: { id: '_any' },
    seed: '00112233-4455-6677-8899-aabbccddeeff',
    threads: 0,
    ...options,
  })
}

/** `path` with changed bytes, as the file `into`. */
export function mutate(path: string, into: string, change: (bytes: Uint8Array) => void): string {
  const bytes = new Uint8Array(readFileSync(path))
  change(bytes)
  writeFile(into, bytes)
  return into
}

/** Flips one bit of a file for as long as `run` takes. */
export async function withFlippedBit<T>(
  path: string,
  offset: number,
  bit: number,
  run: () => Promise<T>,
): Promise<T> {
  const file = openSync(path, 'r+')
  const byte = new Uint8Array(1)
  const flip = () => {
    readSync(file, byte, 0, 1, offset)
    byte[0]! ^= 1 << bit
    writeSync(file, byte, 0, 1, offset)
  }
  flip()
  try {
    return await run()
  } finally {
    flip()
    closeSync(file)
  }
}

/** Names of the checks that failed, each once. */
export function failedChecks(findings: readonly Finding[]): string[] {
  return [...new Set(findings.filter(({ ok }) => !ok).map(({ check }) => check))]
}
