/** Signed PCR policies, in a file or in a UKI: what the old key approves of, the new key does as well. */

import { equalBytes } from '../bytes/equal.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { KeyError } from '../errors.ts'
import { openFileSource } from '../files/file-source.ts'
import { type LockedFile, removeStaleLock, withLock } from '../files/lock.ts'
import { describeOtherNames, readForReplacing } from '../files/replace-file.ts'
import { readRegularFile } from '../files/text.ts'
import { formatJsonText } from '../formats/json-text.ts'
import {
  type PcrSignatureDocument,
  parsePcrSignatureDocument,
} from '../formats/pcr-signature-document.ts'
import { readSection } from '../formats/pe/content.ts'
import type { PeSection } from '../formats/pe/decode.ts'
import { policyPublicKey } from '../keys/policy-key.ts'
import { openUkiFile, type UkiFile } from '../policies/open-uki.ts'
import { readSignatureSection, writeSignatureSections } from '../policies/place.ts'
import type { Carrier, Examined, KeyState } from './carrier.ts'
import { type PolicyKeys, stateOf, turnDocument } from './policy-document.ts'

export interface PolicyTurn extends PolicyKeys {
  /** Put the new signatures in the place of the old ones, where there is no room for both. */
  readonly replace?: boolean | undefined
  /** Remove the Authenticode signature of a UKI, which every change makes invalid. */
  readonly stripAuthenticode?: boolean | undefined
}

const NEITHER = 'its policies are signed neither by the old nor by the new key'
const MAX_DOCUMENT = 4 * 1024 * 1024
const MAX_KEY = 64 * 1024

/** A file of signed policies, or a UKI with them. */
export function policyCarrier(path: string, turn: PolicyTurn): Carrier {
  return {
    kind: 'policies',
    path,
    holdsBoth: turn.replace !== true,
    examine: async () => ({
      ...((await isUki(path)) ? await examineUki(path, turn) : await examineFile(path, turn)),
      left: await describeOtherNames(path),
    }),
    tidy: () => removeStaleLock(path),
    async move(to) {
      await withLock(path, async (file) => {
        if (await isUki(path)) await moveUki(file, turn, to)
        else await moveFile(file, turn, to)
      })
    },
  }
}

async function examineFile(path: string, turn: PolicyTurn): Promise<Examined> {
  return describe([stateOf(await readDocument(path), path, turn)])
}

async function moveFile(file: LockedFile, turn: PolicyTurn, to: 'both' | 'new'): Promise<void> {
  const examined = await readForReplacing(file, { maximum: MAX_DOCUMENT })
  const document = await turnOwn(parsePcrSignatureDocument(examined.bytes), file.path, turn, to)
  await examined.replace(encodeUtf8(`${formatJsonText(document, 'short')}\n`))
}

/** @throws KeyError MISMATCH where another run has taken the old key away since it was planned. */
async function turnOwn(
  document: PcrSignatureDocument,
  name: string,
  turn: PolicyTurn,
  to: 'both' | 'new',
): Promise<PcrSignatureDocument> {
  if (stateOf(document, name, turn) !== 'neither') return turnDocument(document, name, turn, to)
  throw new KeyError('MISMATCH', `${name}: ${NEITHER} any more`)
}

async function readDocument(path: string): Promise<PcrSignatureDocument> {
  return parsePcrSignatureDocument(await readRegularFile(path, { maximum: MAX_DOCUMENT }))
}

async function examineUki(path: string, turn: PolicyTurn): Promise<Examined> {
  const uki = await openUkiFile(path)
  try {
    const states: (KeyState | undefined)[] = []
    for (const section of signatureSections(uki)) {
      states.push(stateOf(await readSignatureSection(uki.pe, section), path, turn))
    }
    const remains = (await embedsOldKey(uki, turn))
      ? 'its .pcrpkey is the old key, which is measured: build the UKI anew'
      : undefined
    return { ...describe(states), remains }
  } finally {
    await uki.close()
  }
}

async function moveUki(file: LockedFile, turn: PolicyTurn, to: 'both' | 'new'): Promise<void> {
  const { path } = file
  const uki = await openUkiFile(path)
  try {
    const documents = new Map<PeSection, PcrSignatureDocument>()
    for (const section of signatureSections(uki)) {
      const document = await readSignatureSection(uki.pe, section)
      documents.set(section, await turnOwn(document, path, turn, to))
    }
    const { stripAuthenticode } = turn
    await writeSignatureSections(uki, documents, { output: file, stripAuthenticode })
  } finally {
    await uki.close()
  }
}

function signatureSections({ profiles }: UkiFile): readonly PeSection[] {
  return [...new Set(profiles.flatMap(({ signatureSection }) => signatureSection ?? []))]
}

async function embedsOldKey(uki: UkiFile, { oldKey }: PolicyTurn): Promise<boolean> {
  for (const section of uki.pe.sections.filter(({ name }) => name === '.pcrpkey')) {
    const pem = await readSection(uki.pe, section, MAX_KEY)
    const end = pem.findLastIndex((byte) => byte !== 0) + 1
    const { fingerprint } = policyPublicKey(pem.subarray(0, end), `${uki.path} .pcrpkey`)
    if (equalBytes(fingerprint, oldKey.fingerprint)) return true
  }
  return false
}

/** The documents of a UKI are as far as the one that is behind. */
function describe(states: readonly (KeyState | undefined)[]): Examined {
  const found = states.filter((state) => state !== undefined)
  if (found.length === 0) return { state: 'neither', note: 'it has no signed policies' }
  for (const state of ['neither', 'old', 'both'] as const) {
    if (!found.includes(state)) continue
    return state === 'neither' ? { state, note: NEITHER } : { state }
  }
  return { state: 'new' }
}

/** A PE file starts with the letters MZ, JSON never does. */
async function isUki(path: string): Promise<boolean> {
  const file = await openFileSource(path)
  try {
    const [first, second] = await file.read(0, Math.min(2, file.size))
    return first === 0x4d && second === 0x5a
  } finally {
    await file.close()
  }
}
