/** `extsign pcr join SIGNATURE…`. */

import { readSmallFile } from '../../files/text.ts'
import { parsePcrSignatures, readPcrSignatures } from '../../formats/pcr-signature.ts'
import {
  appendPcrSignatures,
  type BankedSignature,
  placePcrSignatures,
} from '../../formats/pcr-signature-document.ts'
import type { PolicyPublicKey } from '../../keys/policy-key.ts'
import { embeddedPublicKey } from '../../policies/embedded-key.ts'
import { joinSignatures, type ReturnedSignatures } from '../../policies/join.ts'
import { measureUki } from '../../policies/measure.ts'
import { normalizePhases, ordinaryPhases } from '../../policies/phases.ts'
import { policiesOf } from '../../policies/policy.ts'
import { option, positionals, type ValuesOf } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { blame, ExitCode, printWarnings, UsageError } from '../errors.ts'
import { loadPublicKey } from '../pcr/keys.ts'
import {
  jsonOption,
  placementOptions,
  policyOptions,
  publicKeyOptions,
  stateOptions,
  ukiOptions,
} from '../pcr/options.ts'
import { assertPlaceable, writeSignatures } from '../pcr/output.ts'
import { loadDocument } from '../pcr/policies.ts'
import { withUki } from '../pcr/subject.ts'
import { file, named } from '../types.ts'

const joinArguments = {
  signatureFiles: positionals({
    type: named('SIGNATURE', file),
    description: 'what came back: JSON with sig filled in, or bare signatures',
  }),
  ...ukiOptions,
  request: option({
    long: 'request',
    type: file,
    description: 'the JSON of pcr policy-digest, instead of a UKI',
  }),
  phase: { ...stateOptions.phase, description: 'a phase to look for beside those of every boot' },
  ...publicKeyOptions,
  policyref: policyOptions.policyref,
  ...placementOptions,
  ...jsonOption,
}

type JoinValues = ValuesOf<typeof joinArguments>

/** Four KiB for RSA of 32768 bits, which no TPM takes. */
const MAX_BARE = 4096
const MAX_DOCUMENT = 4 * 1024 * 1024

export const pcrJoin = defineCommand({
  name: 'pcr join',
  description:
    'Puts signatures where they belong that were made elsewhere, for what pcr policy-digest printed. Each is verified first; one that belongs to nothing is an error.\n\nThe key is the one given, else the one in .pcrpkey.',
  arguments: joinArguments,
  examples: [
    'extsign pcr join signed.json --uki linux.efi -o linux.signed.efi',
    'extsign pcr join *.sig --request to-sign.json --public-key pcr.pub --signatures signed.json',
  ],
  async run(values, context) {
    assertPlaceable(values, values.uki)
    if ((values.uki === undefined) === (values.request === undefined)) {
      throw new UsageError('either --uki or --request says what the signatures are for')
    }
    const publicKey = await loadPublicKey(values)
    const returned = await readReturned(values.signatureFiles)
    if (values.request !== undefined) {
      if (!publicKey)
        throw new UsageError('--public-key or --certificate is missing: whose are they?')
      await joinRequest(values.request, returned, publicKey, values, context)
    } else if (values.uki !== undefined) {
      await joinUki(values.uki, returned, publicKey, values, context)
    }
    return ExitCode.done
  },
})

async function joinRequest(
  path: string,
  returned: ReturnedSignatures,
  publicKey: PolicyPublicKey,
  values: JoinValues,
  context: Context,
): Promise<void> {
  const document = await loadDocument(path)
  const policies = [...readPcrSignatures(document)].flatMap(([bank, entries]) =>
    entries.map((entry) => ({ bank, entry })),
  )
  const { signed, unsigned } = joinSignatures(policies, returned, publicKey)
  const open = unsigned.filter(({ entry }) => !entry.signature).length
  if (open > 0) printWarnings([`${open} policies are not signed yet`], context.stderr)
  const joined = placePcrSignatures(document, signed)
  await writeSignatures(joined, undefined, values, context)
}

async function joinUki(
  path: string,
  returned: ReturnedSignatures,
  trusted: PolicyPublicKey | undefined,
  values: JoinValues,
  context: Context,
): Promise<void> {
  await withUki({ path, stubVersion: values.stubVersion }, async (uki) => {
    const publicKey = trusted ?? (await embeddedPublicKey(uki, uki.profiles[0]!))
    if (!publicKey) {
      throw new UsageError(`--public-key is missing, and ${path} has no .pcrpkey: whose are they?`)
    }
    const phases = [...new Set([...ordinaryPhases(), ...normalizePhases(values.phase)])]
    const boots = await measureUki(uki, { phases }).catch(blame(path))
    const policies = boots.map((boot) =>
      referencesOf(returned, values.policyref).flatMap((reference) =>
        policiesOf(boot.phases, { fingerprint: publicKey.fingerprint, reference }),
      ),
    )
    const { signed } = joinSignatures(policies.flat(), returned, publicKey)
    const isOf = (own: readonly BankedSignature[]) => {
      const keys = new Set(own.map(keyOf))
      return signed.filter((each) => keys.has(keyOf(each)))
    }
    const profiles = boots.map(({ profile }, index) => {
      return { profile, signatures: isOf(policies[index]!) }
    })
    await writeSignatures(appendPcrSignatures({}, signed), { uki, profiles }, values, context)
  })
}

/** What tells policies apart; the same state of two profiles is one policy. */
function keyOf({ bank, entry }: BankedSignature): string {
  return [bank, Buffer.from(entry.policy).toString('hex'), entry.reference].join(' ')
}

/** Every reference that a signature may be for. */
function referencesOf(
  { documents }: ReturnedSignatures,
  given: string | undefined,
): readonly (string | undefined)[] {
  const found = documents.flatMap(({ signatures }) =>
    [...signatures.values()].flat().map(({ reference }) => reference),
  )
  return [...new Set([undefined, given || undefined, ...found])]
}

async function readReturned(paths: readonly string[]): Promise<ReturnedSignatures> {
  const files = await Promise.all(
    paths.map(async (name) => ({
      name,
      bytes: await readSmallFile(name, { maximum: MAX_DOCUMENT }),
    })),
  )
  const isJson = (bytes: Uint8Array) =>
    /^\s*\{/.test(new TextDecoder('latin1').decode(bytes.subarray(0, 64)))
  const documents = files.filter(({ bytes }) => isJson(bytes))
  const bare = files.filter(({ bytes }) => !isJson(bytes))
  const oversized = bare.find(({ bytes }) => bytes.length === 0 || bytes.length > MAX_BARE)
  if (oversized) {
    throw new UsageError(`${oversized.name} is neither JSON nor a bare signature`)
  }
  return {
    documents: documents.map(({ name, bytes }) => ({ name, signatures: parseNamed(name, bytes) })),
    bare: bare.map(({ name, bytes }) => ({ name, signature: bytes })),
  }
}

function parseNamed(name: string, bytes: Uint8Array) {
  try {
    return parsePcrSignatures(bytes)
  } catch (error) {
    return blame(name)(error)
  }
}
