/** `extsign pcr join SIGNATURE…`. */

import { readPcrSignatures } from '../../formats/pcr-signature.ts'
import { appendPcrSignatures, placePcrSignatures } from '../../formats/pcr-signature-document.ts'
import type { PolicyPublicKey } from '../../keys/policy-key.ts'
import { embeddedPublicKey } from '../../policies/embedded-key.ts'
import { joinSignatures, type ReturnedSignatures } from '../../policies/join.ts'
import { joinUkiSignatures } from '../../policies/join-uki.ts'
import { readReturnedSignatures } from '../../policies/read-returned.ts'
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
    const returned = await readReturnedSignatures(values.signatureFiles)
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
  const { document, source } = await loadDocument(path)
  const policies = [...readPcrSignatures(document)].flatMap(([bank, entries]) =>
    entries.map((entry) => ({ bank, entry })),
  )
  const { signed, unsigned } = joinSignatures(policies, returned, publicKey)
  const open = unsigned.filter(({ entry }) => !entry.signature).length
  if (open > 0) printWarnings([`${open} policies are not signed yet`], context.stderr)
  const joined = placePcrSignatures(document, signed)
  await writeSignatures({ document: joined, source }, undefined, values, context)
}

async function joinUki(
  path: string,
  returned: ReturnedSignatures,
  trusted: PolicyPublicKey | undefined,
  values: JoinValues,
  context: Context,
): Promise<void> {
  await withUki({ path, stubVersion: values.stubVersion }, async (uki) => {
    const publicKey = trusted ?? (await embeddedPublicKey(uki, uki.profiles[0]!).catch(blame(path)))
    if (!publicKey) {
      throw new UsageError(`--public-key is missing, and ${path} has no .pcrpkey: whose are they?`)
    }
    const profiles = await joinUkiSignatures(uki, returned, publicKey, {
      phases: values.phase,
      reference: values.policyref,
    }).catch(blame(path))
    const signed = profiles.flatMap(({ signatures }) => signatures)
    const document = appendPcrSignatures({}, signed)
    await writeSignatures({ document }, { uki, profiles }, values, context)
  })
}
