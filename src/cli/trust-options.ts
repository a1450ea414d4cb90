/** `--certificate` and `--trust-directory`: whom an image has to be signed by. */

import { type LoadedCertificate, loadCertificate } from '../keys/certificate.ts'
import { readTrustDirectories, type TrustStore } from '../keys/trust.ts'
import { options, type ValuesOf } from './arguments.ts'
import { directory, file } from './types.ts'

const GROUP = 'Trust'

export const trustOptions = {
  certificate: options({
    long: 'certificate',
    group: GROUP,
    type: file,
    description: 'trust what this certificate has signed',
  }),
  trustDirectory: options({
    long: 'trust-directory',
    group: GROUP,
    type: directory,
    description: 'trust the certificates in this folder as systemd does those in verity.d',
  }),
}

export interface Trust {
  readonly certificates: readonly LoadedCertificate[]
  readonly trust: TrustStore | undefined
}

/** Reads the certificates. @throws KeyError for a file or folder that cannot be used. */
export async function loadTrust(values: ValuesOf<typeof trustOptions>): Promise<Trust> {
  const certificates: LoadedCertificate[] = []
  for (const path of values.certificate) certificates.push(await loadCertificate(path))
  const folders = values.trustDirectory
  const trust = folders.length === 0 ? undefined : await readTrustDirectories(folders)
  return { certificates, trust }
}
