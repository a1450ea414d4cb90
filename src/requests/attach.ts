/** Signatures that came back go where they belong, after all of them have been checked. */

import { join } from 'node:path'
import { equalBytes } from '../bytes/equal.ts'
import { toHex } from '../bytes/hex.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { ImageError, PolicyError } from '../errors.ts'
import { type LockedFile, withLock } from '../files/lock.ts'
import { assertInside } from '../files/outside.ts'
import { formatJsonText } from '../formats/json-text.ts'
import { parsePcrSignatures } from '../formats/pcr-signature.ts'
import type { PolicyItem, SignedItem, SigningResponseFile } from '../formats/signing-request.ts'
import {
  type ReplaceOptions,
  type ReplaceResult,
  replaceSignature,
} from '../images/sealing/replace-signature.ts'
import { attachSignature } from '../images/sign.ts'
import { type LoadedCertificate, parseCertificateFile } from '../keys/certificate.ts'
import { type PolicyPublicKey, policyKeyOfDer } from '../keys/policy-key.ts'
import { measureUki } from '../policies/measure.ts'
import { openUkiFile, type UkiFile } from '../policies/open-uki.ts'
import { placeSignatures, readSignatureSection } from '../policies/place.ts'
import { policiesOf } from '../policies/policy.ts'
import { attachPolicySignature } from '../policies/sign.ts'
import { rawSignatureOf } from './raw-signature.ts'

export interface AttachOptions
  extends Omit<
    ReplaceOptions,
    'image' | 'certificate' | 'embedCertificate' | 'keepSigner' | 'within'
  > {
  /** The folder that paths of the response are relative to. What leads out of it is refused. */
  readonly root: string
  readonly response: SigningResponseFile
  /**
   * The certificate that the signatures must be by. Default: the one in the response. Anyone can
   * write that, so it may then sign what is not signed yet, or what it has signed itself, and
   * replaces no other signature.
   */
  readonly certificate?: LoadedCertificate | undefined
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

/** The certificate that a response says it is by. @throws KeyError where it is none. */
export function certificateOfResponse({ certificate }: SigningResponseFile): LoadedCertificate {
  return parseCertificateFile(certificate, 'the certificate in the response')
}

/**
 * Checks every signature of a response against the certificate.
 *
 * @returns the items by the file they are for, their signatures raw
 * @throws KeyError as {@link rawSignatureOf}; ImageError BAD_OPTION where one file has items of
 *   several purposes, or several root hashes.
 */
export function checkResponse(
  response: SigningResponseFile,
  certificate: LoadedCertificate = certificateOfResponse(response),
): readonly AttachGroup[] {
  const groups = new Map<string, SignedItem[]>()
  for (const item of response.items) {
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
 * @throws ImageError NOT_VERIFIED where the file is another one than the signature is for; ImageError
 *   and PolicyError SIGNED where another has signed it and no certificate is given; PolicyError;
 *   KeyError; FileError OUTSIDE_ROOT where a symbolic link leads out of the root, LOCKED. The file is
 *   as it was then.
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
  const { embedCertificate, now, root } = options
  const certificate = options.certificate ?? certificateOfResponse(options.response)
  const keepSigner = options.certificate === undefined
  const replacing = { ...options, certificate, keepSigner, within: root, image: path }
  return replaceSignature(replacing, async (rootHash) => {
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

async function attachPolicies(
  items: readonly (PolicyItem & SignedItem)[],
  path: string,
  options: AttachOptions,
): Promise<PlacedPolicies> {
  const { root: within, dryRun } = options
  if (dryRun) await assertInside(within, path)
  const turn = async (file?: LockedFile) => {
    const uki = await openUkiFile(path)
    try {
      await placePolicies(items, uki, options, file)
    } finally {
      await uki.close()
    }
  }
  await (dryRun ? turn() : withLock(path, turn, { within }))
  return { image: path, action: 'placed', policies: items.length }
}

/**
 * What the image measures decides which policies are placed, not what the response says of them.
 *
 * @param file the lock of the UKI; without it nothing is written
 */
async function placePolicies(
  items: readonly (PolicyItem & SignedItem)[],
  uki: UkiFile,
  options: AttachOptions,
  file: LockedFile | undefined,
): Promise<void> {
  const { publicKeyDer, sourceFile } =
    options.certificate ?? certificateOfResponse(options.response)
  const publicKey = policyKeyOfDer(publicKeyDer, sourceFile)
  if (options.certificate === undefined) await assertNotSignedByOthers(uki, publicKey)
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
    const message = `${uki.path} is another image: in no phase does it have ${lost.evidence.bank} policy ${toHex(lost.policy)}`
    throw new PolicyError('NO_MATCH', message)
  }
  const { stripAuthenticode } = options
  if (file) await placeSignatures(uki, profiles, { output: file, stripAuthenticode })
}

async function assertNotSignedByOthers(
  { pe, path, profiles }: UkiFile,
  { fingerprint, name }: PolicyPublicKey,
): Promise<void> {
  const sections = new Set(profiles.flatMap(({ signatureSection }) => signatureSection ?? []))
  for (const section of sections) {
    const document = await readSignatureSection(pe, section)
    const signatures = parsePcrSignatures(encodeUtf8(formatJsonText(document, 'short')))
    const others = [...signatures.values()].flat().filter((entry) => {
      const isOwn = entry.fingerprint !== undefined && equalBytes(entry.fingerprint, fingerprint)
      return entry.signature !== undefined && !isOwn
    })
    if (others.length === 0) continue
    const message = `${path} has policies signed by another key than ${name}, which you have not named`
    throw new PolicyError('SIGNED', message, {
      hint: '--certificate CERT says whose signatures shall be added',
    })
  }
}
