/** What the checks of `pcr verify` look at, found out once. */

import { toHex } from '../../bytes/hex.ts'
import { FormatError, KeyError } from '../../errors.ts'
import { allOf } from '../../files/all-of.ts'
import { readSmallFile } from '../../files/text.ts'
import { type PcrSignature, readPcrSignatures } from '../../formats/pcr-signature.ts'
import { readSection } from '../../formats/pe/content.ts'
import type { PeSection } from '../../formats/pe/decode.ts'
import { PCR_BANKS, type PcrBank, pcrMask } from '../../formats/tpm2/pcr.ts'
import type { Uki } from '../../formats/uki/decode.ts'
import type { UkiProfile } from '../../formats/uki/profiles.ts'
import { KERNEL_BOOT_PCR } from '../../formats/uki/sections.ts'
import type { PolicyPublicKey } from '../../keys/policy-key.ts'
import { describeBoot } from '../describe.ts'
import { embeddedPublicKey } from '../embedded-key.ts'
import { measureUki, type UkiMeasurement } from '../measure.ts'
import { normalizePhases, ordinaryPhases } from '../phases.ts'
import { parseSignatures } from '../place.ts'
import { policiesOf } from '../policy.ts'

export interface PolicySubject {
  readonly uki: Uki | undefined
  /** In each bank and every phase that is known. */
  readonly measurements: readonly UkiMeasurement[]
  readonly documents: readonly FoundDocument[]
  /** The key that was given, if one was. */
  readonly trusted: PolicyPublicKey | undefined
}

/** A signature JSON, and the profiles whose boots will see it. */
export interface FoundDocument {
  /** `profile 0`, or the path of a file. */
  readonly where: string
  readonly profiles: readonly UkiProfile[]
  readonly entries: readonly FoundEntry[]
  /** Fields of the object that are no bank anybody knows. */
  readonly unknown: readonly string[]
  /** Why it cannot be read. */
  readonly error: string | undefined
  /** `.pcrpkey` beside it: a key, why it is of no use, or undefined where there is none. */
  readonly embedded: PolicyPublicKey | string | undefined
}

/** An entry and the state of PCR 11 that it approves of, where there is one. */
export interface FoundEntry extends PcrSignature {
  readonly bank: PcrBank
  /** `profile 0: sha256 3`. */
  readonly place: string
}

/** Whether a policy is over PCR 11 alone; the others are not in an image. */
export function isRecomputable(mask: number): boolean {
  return mask === pcrMask([KERNEL_BOOT_PCR])
}

/** A state that a boot may be in. */
export interface BootState {
  readonly measurement: UkiMeasurement
  readonly phase: string
  readonly bank: PcrBank
}

export interface SubjectOptions {
  readonly uki: Uki | undefined
  /** A file with the JSON, instead of what the UKI holds. */
  readonly signatures: string | undefined
  readonly publicKey: PolicyPublicKey | undefined
  /** Phases to know beside those of an ordinary boot. */
  readonly phases: readonly string[]
}

const MAX_DOCUMENT = 4 * 1024 * 1024

/** Measures the UKI and reads every document. @throws FormatError, FileError */
export async function examinePolicies(options: SubjectOptions): Promise<PolicySubject> {
  const { uki, signatures, publicKey } = options
  const phases = [...new Set([...ordinaryPhases(), ...normalizePhases(options.phases)])]
  const measurements = uki ? await measureUki(uki, { phases }) : []
  const documents =
    signatures === undefined
      ? uki
        ? await readEmbedded(uki)
        : []
      : [await readFileDocument(signatures, uki)]
  return { uki, measurements, documents, trusted: publicKey }
}

/** Every state by its bank and the digest of its policy. */
export function indexStates(
  measurements: readonly UkiMeasurement[],
): ReadonlyMap<string, readonly BootState[]> {
  const states = new Map<string, BootState[]>()
  for (const measurement of measurements) {
    for (const each of measurement.phases) {
      for (const { bank, entry } of policiesOf([each])) {
        const key = stateKey(bank, entry.policy)
        states.set(key, [...(states.get(key) ?? []), { measurement, phase: each.phase, bank }])
      }
    }
  }
  return states
}

export function stateKey(bank: PcrBank, policy: Uint8Array): string {
  return `${bank} ${toHex(policy)}`
}

/** One document for each `.pcrsig`, and one without entries for profiles that have none. */
async function readEmbedded(uki: Uki): Promise<readonly FoundDocument[]> {
  const groups = new Map<PeSection | undefined, UkiProfile[]>()
  for (const profile of uki.profiles) {
    const section = profile.signatureSection
    groups.set(section, [...(groups.get(section) ?? []), profile])
  }
  return allOf(
    [...groups].map(async ([section, profiles]) => {
      const where = profiles
        .map((profile) => describeBoot(uki, { profile, choices: [] }))
        .join(' and ')
      const embedded = await readEmbeddedKey(uki, profiles[0]!)
      if (!section) return failed(where, profiles, 'no section .pcrsig', embedded)
      const bytes = await readSection(uki.pe, section, MAX_DOCUMENT)
      if (bytes.includes(0)) {
        return failed(where, profiles, 'the JSON in .pcrsig is followed by NUL bytes', embedded)
      }
      return readDocument(bytes, where, profiles, embedded)
    }),
  )
}

async function readFileDocument(path: string, uki: Uki | undefined): Promise<FoundDocument> {
  const bytes = await readSmallFile(path, { maximum: MAX_DOCUMENT })
  const profiles = uki?.profiles ?? []
  const embedded = uki && (await readEmbeddedKey(uki, uki.profiles[0]!))
  return readDocument(bytes, path, profiles, embedded)
}

function readDocument(
  bytes: Uint8Array,
  where: string,
  profiles: readonly UkiProfile[],
  embedded: FoundDocument['embedded'],
): FoundDocument {
  try {
    const object = parseSignatures(bytes)
    const entries = [...readPcrSignatures(object)].flatMap(([bank, list]) =>
      list.map((entry, index) => ({ ...entry, bank, place: `${where}: ${bank} ${index}` })),
    )
    const unknown = Object.keys(object).filter((name) => !PCR_BANKS.some((bank) => bank === name))
    return { where, profiles, entries, unknown, error: undefined, embedded }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return failed(where, profiles, error.message, embedded)
  }
}

function failed(
  where: string,
  profiles: readonly UkiProfile[],
  error: string,
  embedded: FoundDocument['embedded'],
): FoundDocument {
  return { where, profiles, entries: [], unknown: [], error, embedded }
}

async function readEmbeddedKey(uki: Uki, profile: UkiProfile): Promise<FoundDocument['embedded']> {
  try {
    return await embeddedPublicKey(uki, profile)
  } catch (error) {
    if (error instanceof KeyError || error instanceof FormatError) return error.message
    throw error
  }
}
