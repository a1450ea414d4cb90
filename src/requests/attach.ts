/** Signatures that came back go where they belong, after all of them have been checked. */

import { join } from 'node:path'
import { equalBytes } from '../bytes/equal.ts'
import { toHex } from '../bytes/hex.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { ImageError, PolicyError } from '../errors.ts'
import type { PolicyItem, SignedItem, SigningResponseFile } from '../formats/signing-request.ts'
import {
  type ReplaceOptions,
  type ReplaceResult,
  replaceSignature,
} from '../images/sealing/replace-signature.ts'
import { attachSignature } from '../images/sign.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'
import { policyKeyOfDer } from '../keys/policy-key.ts'
import { measureUki } from '../policies/measure.ts'
import { openUkiFile } from '../policies/open-uki.ts'
import { placeSignatures } from '../policies/place.ts'
import { policiesOf } from '../policies/policy.ts'
import { attachPolicySignature } from '../policies/sign.ts'
import { rawSignatureOf } from './raw-signature.ts'

export interface AttachOptions
  extends Omit<ReplaceOptions, 'image' | 'certificate' | 'embedCertificate'> {
  /** The folder that paths of the response are relative to. */
  readonly root: string
  readonly response: SigningResponseFile
  /** The certificate that the signatures must be by. */
  readonly certificate: LoadedCertificate
  /** Put it into the signatures of images. Default true. */
  readonly embedCertificate?: boolean | undefined
  /** Remove the Authenticode signature of a UKI, which the change makes invalid. */
  readonly stripAuthenticode?: boolean | undefined
  /** The clock: with it, an expired or not yet valid certificate gives a warning. */
  readonly now?: Date | undefined
}

/** What became of the signatures for one file. */
export type AttachResult = ReplaceResult | PlacedPolicies

export interface PlacedPolicies {
  readonly image: string
  readonly action: 'placed'
  /** How many policies of the UKI are approved now by these signatures. */
  readonly policies: number
}

/** The items of one file. */
export interface AttachGroup {
  readonly path: string
  readonly items: readonly SignedItem[]
}

/**
 * Checks every signature of a response against the certificate.
 *
 * @returns the items by the file they are for, their signatures raw
 * @throws KeyError as {@link rawSignatureOf}; ImageError BAD_OPTION where one file has items of
 *   several purposes, or several root hashes.
 */
export function checkResponse(
  { items }: SigningResponseFile,
  certificate: LoadedCertificate,
): readonly AttachGroup[] {
  const groups = new Map<string, SignedItem[]>()
  for (const item of items) {
    const group = groups.get(item.path) ?? []
    group.push({ ...item, signature: rawSignatureOf(item, certificate) })
    groups.set(item.path, group)
  }
  for (const [path, group] of groups) {
    const rootHashes = group.filter(({ purpose }) => purpose === 'verity-root-hash')
    if (rootHashes.length > 1 || (rootHashes.length === 1 && group.length > 1)) {
      throw new ImageError('BAD_OPTION', `${path} cannot have all of its ${group.length} items`)
    }
  }
  return [...groups].map(([path, group]) => ({ path, items: group }))
}

/**
 * Puts the signatures for one file into it.
 *
 * @throws ImageError NOT_VERIFIED, MISMATCH where the file is another one than the signature is for;
 *   PolicyError; KeyError; FileError. The file is as it was then.
 */
export async function attachGroup(
  group: AttachGroup,
  options: AttachOptions,
): Promise<AttachResult> {
  const [item] = group.items
  const path = join(options.root, group.path)
  if (item?.purpose === 'verity-root-hash') return attachRootHash(item, path, options)
  const policies = group.items.filter((each) => each.purpose === 'pcr-policy')
  return attachPolicies(policies, path, options)
}

async function attachRootHash(
  { payload, signature }: SignedItem,
  path: string,
  options: AttachOptions,
): Promise<ReplaceResult> {
  const { certificate, embedCertificate, now } = options
  return replaceSignature({ ...options, image: path }, async (rootHash) => {
    if (!equalBytes(payload, encodeUtf8(rootHash))) {
      const signed = new TextDecoder().decode(payload)
      const message = `${path} is another image: its root hash is ${rootHash}, the signature is of ${signed}`
      throw new ImageError('NOT_VERIFIED', message)
    }
    return attachSignature({
      rootHash,
      signature,
      certificate: certificate.der,
      embedCertificate,
      now,
    })
  })
}

/** What the image measures decides which policies are placed, not what the response says of them. */
async function attachPolicies(
  items: readonly (PolicyItem & SignedItem)[],
  path: string,
  options: AttachOptions,
): Promise<PlacedPolicies> {
  const { publicKeyDer, sourceFile } = options.certificate
  const publicKey = policyKeyOfDer(publicKeyDer, sourceFile)
  const uki = await openUkiFile(path)
  try {
    const phases = [...new Set(items.map(({ phase }) => phase))]
    const references = [...new Set(items.map(({ evidence }) => evidence.reference))]
    const found = new Set<SignedItem>()
    const boots = await measureUki(uki, { phases })
    const profiles = boots.map(({ profile, phases: states }) => {
      const policies = references.flatMap((reference) => policiesOf(states, { reference }))
      const signatures = policies.flatMap((policy) => {
        const item = items.find(
          (each) =>
            each.evidence.bank === policy.bank &&
            each.evidence.reference === policy.entry.reference &&
            equalBytes(each.policy, policy.entry.policy),
        )
        if (!item) return []
        found.add(item)
        return [attachPolicySignature(policy, publicKey, item.signature)]
      })
      return { profile, signatures }
    })
    const lost = items.find((item) => !found.has(item))
    if (lost) {
      const message = `${path} is another image: in no phase does it have ${lost.evidence.bank} policy ${toHex(lost.policy)}`
      throw new PolicyError('NO_MATCH', message)
    }
    if (!options.dryRun) {
      const { stripAuthenticode } = options
      await placeSignatures(uki, profiles, { output: path, force: true, stripAuthenticode })
    }
    return { image: path, action: 'placed', policies: items.length }
  } finally {
    await uki.close()
  }
}
