/** Trust directories: the new certificate beside the old one, later without it. */

import { unlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { equalBytes } from '../bytes/equal.ts'
import { toFileError } from '../files/errno.ts'
import { removeStaleLock, withLock } from '../files/lock.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'
import { readTrustDirectories } from '../keys/trust.ts'
import { installInto } from '../trust/install.ts'
import type { Carrier, KeyState } from './carrier.ts'

export interface TrustTurn {
  readonly oldCertificate: LoadedCertificate
  readonly newCertificate: LoadedCertificate
}

/** A `verity.d` directory that is there. */
export function trustCarrier(path: string, { oldCertificate, newCertificate }: TrustTurn): Carrier {
  const filesWith = async (wanted: LoadedCertificate) => {
    const { certificates } = await readTrustDirectories([path])
    return certificates
      .filter(({ der }) => equalBytes(der, wanted.der))
      .map(({ sourceFile }) => sourceFile)
  }
  return {
    kind: 'trust',
    path,
    holdsBoth: true,
    async examine() {
      const hasOld = (await filesWith(oldCertificate)).length > 0
      const hasNew = (await filesWith(newCertificate)).length > 0
      const state: KeyState = hasNew ? (hasOld ? 'both' : 'new') : 'old'
      return { state, ...(hasOld || hasNew ? {} : { note: 'neither certificate is in it' }) }
    },
    tidy: () => removeStaleLock(path),
    move: (to) =>
      withLock(path, async () => {
        if ((await filesWith(newCertificate)).length === 0) await add(path, newCertificate)
        if (to === 'both') return
        for (const file of await filesWith(oldCertificate)) {
          await unlink(file).catch((error) => {
            throw toFileError(error, { path: file, verb: 'write' })
          })
        }
      }),
  }
}

/** Under the name of its file, or with the beginning of its fingerprint where that is taken. */
async function add(directory: string, certificate: LoadedCertificate): Promise<void> {
  const { certificates, ignored } = await readTrustDirectories([directory])
  const taken = [
    ...certificates.map(({ sourceFile }) => sourceFile),
    ...ignored.map(({ path }) => path),
  ]
  const stem = basename(certificate.sourceFile).replace(/\.[^.]*$/, '')
  const name = taken.includes(join(directory, `${stem}.crt`))
    ? `${stem}-${certificate.fingerprint.slice(0, 8)}`
    : stem
  await installInto(directory, certificate, name)
}
