/** What has to be signed for files: root hashes of images, policies of UKIs. */

import { join } from 'node:path'
import { openFileSource } from '../files/file-source.ts'
import type { PolicyItem, RequestItem, SigningRequestFile } from '../formats/signing-request.ts'
import type { PcrBank } from '../formats/tpm2/pcr.ts'
import type { Progress } from '../images/options.ts'
import { openImage } from '../images/read/open-image.ts'
import { judgeSeals } from '../images/sealing/judge-seals.ts'
import { findSignaturePlace } from '../images/sealing/place-signature.ts'
import { requestSignature } from '../images/sign.ts'
import { describeBoot } from '../policies/describe.ts'
import { measureUki } from '../policies/measure.ts'
import { openUkiFile } from '../policies/open-uki.ts'
import { policiesOf } from '../policies/policy.ts'
import { requestPolicySignature } from '../policies/sign.ts'

export interface RequestOptions {
  /** The folder that paths are relative to. */
  readonly root: string
  /** Images and UKIs, relative to it. */
  readonly paths: readonly string[]
  /** Hash all data of an image before. Default true. */
  readonly verifyData?: boolean | undefined
  /** Of UKIs: boot phases, banks, and a reference; by default as `systemd-measure` has them. */
  readonly phases?: readonly string[] | undefined
  readonly banks?: readonly PcrBank[] | undefined
  readonly reference?: string | undefined
  readonly threads?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * Collects what has to be signed. Images are verified first: what nobody has looked at is not put
 * before whoever holds the key.
 *
 * @throws ImageError NOT_VERIFIED, NOT_SIGNED; FormatError for what is neither image nor UKI;
 *   FileError.
 */
export async function requestSignatures(options: RequestOptions): Promise<SigningRequestFile> {
  const items: RequestItem[] = []
  for (const path of options.paths) {
    const isUki = await isExecutable(join(options.root, path))
    items.push(...(isUki ? await requestUki(path, options) : [await requestImage(path, options)]))
  }
  return { items }
}

/** Whether a file is what firmware runs: it begins with `MZ`. */
export async function isExecutable(path: string): Promise<boolean> {
  const file = await openFileSource(path)
  try {
    const [first, second] = await file.read(0, Math.min(2, file.size))
    return first === 0x4d && second === 0x5a
  } finally {
    await file.close()
  }
}

async function requestImage(path: string, options: RequestOptions): Promise<RequestItem> {
  const image = await openImage(join(options.root, path))
  try {
    const { verifyData = true, threads, onProgress } = options
    const judging = { certificates: [], data: verifyData, threads, onProgress }
    const { rootHash } = await judgeSeals(image, judging)
    findSignaturePlace(image, 0)
    const { designator, architecture, file } = image
    const subject = `${path}: root hash of an image, ${designator}-${architecture}, ${file.size} bytes`
    const { payload } = requestSignature(rootHash, subject)
    return { purpose: 'verity-root-hash', payload, subject, path }
  } finally {
    await image.close()
  }
}

/** One item for each state; the same state in several boots is signed once. */
async function requestUki(path: string, options: RequestOptions): Promise<PolicyItem[]> {
  const uki = await openUkiFile(join(options.root, path))
  try {
    const { banks, phases, reference } = options
    const items = new Map<string, PolicyItem>()
    for (const boot of await measureUki(uki, { banks, phases })) {
      for (const state of boot.phases) {
        for (const policy of policiesOf([state], { reference })) {
          const { bank, entry, evidence } = policy
          const key = `${bank} ${entry.policy.join()}`
          const known = items.get(key)
          const { number } = boot.profile
          const profiles = [...new Set([...(known?.profiles ?? []), number])]
          const phase = state.phase === '' ? 'start of the kernel' : state.phase
          const subject = `${path}: PCR 11 (${bank}) of ${describeBoot(uki, boot)} in phase ${phase}`
          const { payload } = requestPolicySignature(policy, subject)
          items.set(key, {
            purpose: 'pcr-policy',
            payload,
            subject: known?.subject ?? subject,
            path,
            policy: entry.policy,
            evidence,
            phase: known?.phase ?? state.phase,
            profiles,
          })
        }
      }
    }
    return [...items.values()]
  } finally {
    await uki.close()
  }
}
