/** The checks of `pcr verify`, each a value with a name. */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { policyPayload } from '../../formats/pcr-signature-document.ts'
import { pcrMask, pcrsOf } from '../../formats/tpm2/pcr.ts'
import { KERNEL_BOOT_PCR } from '../../formats/uki/sections.ts'
import type { Check, Problem } from '../../images/checks/finding.ts'
import { isPolicySignatureValid, type PolicyPublicKey } from '../../keys/policy-key.ts'
import { type Fault, toProblems } from './faults.ts'
import type { FoundDocument, FoundEntry, PolicySubject } from './subject.ts'

/** There are signatures, and they can be read. */
export const signatures: Check<PolicySubject> = {
  name: 'signatures',
  async run({ documents }) {
    const count = documents.reduce((sum, { entries }) => sum + entries.length, 0)
    return {
      problems: documents.flatMap(({ where, error, entries }): Problem[] => {
        const expected = 'signatures in JSON'
        if (error !== undefined) return [{ expected, found: `${where}: ${error}` }]
        return entries.length > 0 ? [] : [{ expected, found: `${where}: no entries` }]
      }),
      note: `${count} entries in ${documents.length === 1 ? 'one place' : `${documents.length} places`}`,
    }
  },
}

/** The key that machines enrol is one that unlocks something, and the one that was given. */
export const publicKey: Check<PolicySubject> = {
  name: 'public key',
  async run({ documents, trusted }) {
    const problems: Problem[] = []
    const embedded = new Set<string>()
    for (const { where, embedded: key } of documents) {
      if (typeof key === 'string') {
        problems.push({ expected: 'an RSA key in .pcrpkey', found: `${where}: ${key}` })
      } else if (key) {
        embedded.add(toHex(key.fingerprint))
        if (!trusted || equalBytes(key.fingerprint, trusted.fingerprint)) continue
        const expected = `key ${toHex(trusted.fingerprint)} (${trusted.name}) in .pcrpkey`
        problems.push({ expected, found: `${where}: key ${toHex(key.fingerprint)}` })
      }
    }
    if (problems.length === 0 && embedded.size === 0 && !trusted) {
      const found = 'none: there is no .pcrpkey and none was given'
      problems.push({ expected: 'a key to check signatures with', found, unproven: true })
    }
    return { problems, note: [...embedded].join(' and ') || trusted?.name }
  },
}

/** Each entry is one that a reader would look at. */
export const entries: Check<PolicySubject> = {
  name: 'entries',
  async run({ documents }) {
    const all = allEntries(documents)
    if (all.length === 0) return undefined
    const unknown = documents.flatMap(({ unknown }) => unknown)
    return {
      problems: toProblems([...all.flatMap(findOddity), ...documents.flatMap(findDuplicates)]),
      note: unknown.length > 0 ? `nobody reads ${unknown.join(', ')}` : undefined,
    }
  },
}

function findOddity({ place, pcrMask: mask, fingerprint, signature }: FoundEntry): Fault[] {
  if (mask !== pcrMask([KERNEL_BOOT_PCR])) {
    const found = `PCRs ${pcrsOf(mask).join(', ') || 'none'}`
    return [{ expected: `a policy over PCR ${KERNEL_BOOT_PCR}`, found, place }]
  }
  if (!fingerprint) return [{ expected: 'pkfp, by which readers find it', found: 'none', place }]
  return signature ? [] : [{ expected: 'a signature', found: 'none yet', place }]
}

function findDuplicates({ entries }: FoundDocument): Fault[] {
  const seen = new Map<string, string>()
  return entries.flatMap(({ bank, policy, reference, fingerprint, place }): Fault[] => {
    const key = [bank, toHex(policy), reference ?? '', fingerprint && toHex(fingerprint)].join(' ')
    const first = seen.get(key)
    seen.set(key, first ?? place)
    return first === undefined ? [] : [{ expected: 'each policy once', found: 'it again', place }]
  })
}

/** Each entry is for the key that machines will ask for. */
export const fingerprint: Check<PolicySubject> = {
  name: 'key fingerprint',
  async run({ documents, trusted }) {
    let compared = 0
    const faults = documents.flatMap((document) => {
      const key = keyOf(document, trusted)
      if (!key) return []
      return document.entries.flatMap(({ fingerprint, place }): Fault[] => {
        if (!fingerprint) return []
        compared += 1
        if (equalBytes(fingerprint, key.fingerprint)) return []
        const expected = `${toHex(key.fingerprint)} (${key.name})`
        return [{ expected, found: toHex(fingerprint), place }]
      })
    })
    return compared === 0 ? undefined : { problems: toProblems(faults) }
  },
}

/** Each signature is the key's, with the one hash that TPMs are asked to check. */
export const signature: Check<PolicySubject> = {
  name: 'signature',
  async run({ documents, trusted }) {
    let checked = 0
    const faults = documents.flatMap((document) => {
      const key = keyOf(document, trusted)
      if (!key) return []
      return document.entries.flatMap((entry) => {
        if (!entry.signature) return []
        if (entry.fingerprint && !equalBytes(entry.fingerprint, key.fingerprint)) return []
        checked += 1
        return findFault(entry, entry.signature, key)
      })
    })
    return checked === 0 ? undefined : { problems: toProblems(faults), note: `${checked} verified` }
  },
}

function findFault(entry: FoundEntry, signature: Uint8Array, key: PolicyPublicKey): Fault[] {
  const payload = policyPayload(entry)
  if (isPolicySignatureValid(key, payload, signature)) return []
  const isBankHash =
    entry.bank !== 'sha256' && isPolicySignatureValid(key, payload, signature, entry.bank)
  const found = isBankHash
    ? `one with ${entry.bank}, as systemd before 260 makes them and no TPM accepts`
    : 'one of something else, or by another key'
  return [{ expected: `a signature with SHA-256 by ${key.name}`, found, place: entry.place }]
}

/** The key that was given counts before the one in the image. */
function keyOf(
  { embedded }: FoundDocument,
  trusted: PolicyPublicKey | undefined,
): PolicyPublicKey | undefined {
  return trusted ?? (typeof embedded === 'string' ? undefined : embedded)
}

function allEntries(documents: readonly FoundDocument[]): readonly FoundEntry[] {
  return documents.flatMap(({ entries }) => entries)
}
