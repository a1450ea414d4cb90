/** The carriers that a plan names. Private keys and secrets are opened when one needs them. */

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ExtsignError } from '../../errors.ts'
import { toFileError } from '../../files/errno.ts'
import { readRegularFile } from '../../files/text.ts'
import { listFiles } from '../../files/whole-folder.ts'
import { findCredentials, sayNone } from '../../formats/credential/credential-file.ts'
import { MAX_TEXT } from '../../formats/credential/layout.ts'
import { loadCertificate } from '../../keys/certificate.ts'
import type { Carrier } from '../../rotation/carrier.ts'
import { imageCarrier } from '../../rotation/image.ts'
import { policyCarrier } from '../../rotation/policies.ts'
import { trustCarrier } from '../../rotation/trust.ts'
import type { Context } from '../context.ts'
import { printWarnings, UsageError } from '../errors.ts'
import { loadSigner as loadPolicySigner, loadPublicKey } from '../pcr/keys.ts'
import { loadSigner } from '../signer.ts'
import { credentialCarriers } from './credential-carriers.ts'
import { type Closing, once } from './once.ts'
import type { PlanFile, PlanTable } from './read-plan.ts'
import type { imageFields, policyFields } from './tables.ts'

/** Carriers, and what lets go of the keys that were opened for them. */
export interface LoadedCarriers {
  readonly carriers: readonly Carrier[]
  readonly forget: () => Promise<void>
}

/**
 * In the order in which they are moved.
 *
 * @param asksTpm whether TPMs are asked; without it what needs one cannot be told
 * @throws UsageError, KeyError, FileError
 */
export async function loadCarriers(
  plan: PlanFile,
  context: Context,
  asksTpm: boolean,
): Promise<LoadedCarriers> {
  const closing: Closing[] = []
  const carriers: Carrier[] = []
  for (const table of plan.images) {
    for (const carrier of await imageCarriers(table, context, closing)) carriers.push(carrier)
  }
  for (const table of plan.policies) {
    for (const carrier of await policyCarriers(table, context, closing)) carriers.push(carrier)
  }
  for (const { place, values } of plan.credentials) {
    const found = await findFiles(values.files, place, () => true)
    const paths = await withCredentials(found, values.files, context)
    const loading = { context, closing, asksTpm }
    for (const carrier of credentialCarriers(paths, { place, values }, loading)) {
      carriers.push(carrier)
    }
  }
  return {
    carriers,
    forget: async () => {
      for (const close of closing) await close()
    },
  }
}

async function imageCarriers(
  { place, values }: PlanTable<typeof imageFields>,
  context: Context,
  closing: Closing[],
): Promise<readonly Carrier[]> {
  const { files, oldCertificate, certificate, trust } = values
  if (oldCertificate === undefined) throw missing(place, 'old-certificate')
  if (certificate === undefined) throw missing(place, 'certificate')
  const certificates = {
    oldCertificate: await loadCertificate(oldCertificate),
    newCertificate: await loadCertificate(certificate),
  }
  const signer = once(async () => {
    const { signer, warnings } = await loadSigner(values, context)
    printWarnings(warnings, context.stderr)
    closing.push(async () => signer.forget())
    return signer
  })
  const paths = await findFiles(files, place, (name) => name.endsWith('.raw'))
  return [
    ...trust.map((path) => trustCarrier(path, certificates)),
    ...paths.map((path) => imageCarrier(path, { ...certificates, signer })),
  ]
}

async function policyCarriers(
  { place, values }: PlanTable<typeof policyFields>,
  context: Context,
  closing: Closing[],
): Promise<readonly Carrier[]> {
  const { files, oldPublicKey, oldCertificate, replace, stripAuthenticode } = values
  const oldKey = await loadPublicKey({ publicKey: oldPublicKey, certificate: oldCertificate })
  const newKey = await loadPublicKey(values)
  if (oldKey === undefined) throw missing(place, 'old-public-key')
  if (newKey === undefined) throw missing(place, 'public-key')
  const signing = once(async () => {
    const signer = await loadPolicySigner(values, context)
    closing.push(async () => signer.forget())
    return { signer, publicKey: signer.publicKey }
  })
  const paths = await findFiles(files, place, (name) => /\.(?:json|efi)$/.test(name))
  const turn = { oldKey, newKey, signing, replace, stripAuthenticode }
  return paths.map((path) => policyCarrier(path, turn))
}

/** Files as they are named, and of folders the files that `isMeant`. */
async function findFiles(
  paths: readonly string[],
  place: string,
  isMeant: (name: string) => boolean,
): Promise<readonly string[]> {
  if (paths.length === 0) throw missing(place, 'files')
  const found: string[] = []
  for (const path of paths) {
    const { isDirectory } = await stat(path).then(
      (stats) => ({ isDirectory: stats.isDirectory() }),
      (error) => {
        throw toFileError(error, { path, verb: 'read' })
      },
    )
    const inside = isDirectory ? (await listFiles(path)).filter(isMeant) : undefined
    if (inside?.length === 0) throw new UsageError(`${place}: folder ${path} has nothing for it`)
    if (!inside) found.push(path)
    for (const name of inside ?? []) found.push(join(path, name))
  }
  return found
}

/** Without the units of a folder that have no credentials; a file that is named has to have some. */
async function withCredentials(
  found: readonly string[],
  named: readonly string[],
  context: Context,
): Promise<readonly string[]> {
  const paths: string[] = []
  for (const path of found) {
    const none = named.includes(path) ? undefined : await findNone(path)
    if (none === undefined) paths.push(path)
    else printWarnings([`${path}: ${none}; it is left as it is`], context.stderr)
  }
  return paths
}

/** Why a unit has no credentials; undefined for one that has, and for what cannot be read. */
async function findNone(path: string): Promise<string | undefined> {
  try {
    const content = await readRegularFile(path, { maximum: MAX_TEXT })
    const file = findCredentials(content, path)
    return file.credentials.length === 0 ? sayNone(file) : undefined
  } catch (error) {
    if (!(error instanceof ExtsignError)) throw error
    return undefined
  }
}

function missing(place: string, field: string): UsageError {
  return new UsageError(`${place}: "${field}" is missing`)
}
