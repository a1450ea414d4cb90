/** Names that every object of JavaScript has are names like any other. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { rawVariable } from '../../src/cli/context.ts'
import { UsageError, UsageErrors } from '../../src/cli/errors.ts'
import { allCommands } from '../../src/cli/registry.ts'
import { parsePcrSelection } from '../../src/credentials/pcr-selection.ts'
import { ExtsignError } from '../../src/errors.ts'
import {
  canonicalArchitecture,
  describePartitionType,
  parsePartitionTypeName,
} from '../../src/formats/gpt/partition-types.ts'
import { parseImagePolicy } from '../../src/formats/image-policy.ts'
import {
  appendPcrSignatures,
  parsePcrSignatureDocument,
} from '../../src/formats/pcr-signature-document.ts'
import { architectureOfNode, suggestArchitecture } from '../../src/formats/release/architecture.ts'
import { parseSigningRequest } from '../../src/formats/signing-request.ts'
import { findImpossibility } from '../../src/policies/phases.ts'
import { policyOf } from '../../src/policies/policy.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, fakeContext } from './fake-context.ts'

const NAMES = Object.getOwnPropertyNames(Object.prototype)
const folder = temporaryFolder()
const encode = (text: string) => new TextEncoder().encode(text)

test('there are such names', () => {
  expect(NAMES).toEqual(expect.arrayContaining(['constructor', '__proto__', 'toString', 'valueOf']))
})

describe.each(allCommands())('$path', ({ entry }) => {
  test('takes them as text, or not at all', async () => {
    const { arguments: table } = await entry.load()
    for (const [key, argument] of Object.entries(table)) {
      if (argument.kind === 'flag') continue
      for (const name of NAMES) {
        let value: unknown
        try {
          value = argument.read([name])
        } catch (error) {
          expect(error instanceof UsageError || error instanceof UsageErrors).toBe(true)
          continue
        }
        const found = Array.isArray(value) ? value : [value]
        expect({ key, found: found.flat() }).toEqual({ key, found: [name] })
      }
    }
  })
})

test.each(NAMES)('%s is no command', async (name) => {
  for (const argv of [[name], ['cred', name], ['completion', name], ['sign', 'x', `--${name}`]]) {
    expect(await extsign(argv)).toMatchObject({ code: 2, stdout: '' })
  }
})

test.each(NAMES)('%s is no variable unless it is set', (name) => {
  const environment = { PATH: 'x' }
  expect(rawVariable({ ...fakeContext(), environment }, name)).toBeUndefined()
  expect(rawVariable({ ...fakeContext(), environment: process.env }, name)).toBeUndefined()
  const set = Object.fromEntries([[name, 'secret']])
  expect(rawVariable(fakeContext({ environment: set }), name)).toBe('secret')
})

test.each(['constructor', '__proto__'])(
  'a batch seals nothing for the variable %s',
  async (name) => {
    const line = (fields: object) =>
      `${JSON.stringify({ output: join(folder, 'no.cred'), ...fields })}\n`
    const manifest = join(folder, 'batch.jsonl')
    const keys = ['--json']
    writeFileSync(manifest, line({ 'with-key': 'null', environment: name }))
    const unset = await extsign(['cred', 'batch', manifest, ...keys])
    expect(unset.code).not.toBe(0)
    expect(unset.stdout + unset.stderr).toContain(`the variable ${name} is not set`)
    writeFileSync(manifest, `{"output":"x","environment":"PATH","${name}":"x"}\n`)
    const unknown = await extsign(['cred', 'batch', manifest, ...keys])
    expect(unknown.code).not.toBe(0)
    expect(unknown.stdout + unknown.stderr).toMatch(/unknown field/)
  },
)

test.each(NAMES)('no parser of names knows %s', (name) => {
  const refused = [
    () => parsePcrSelection(name),
    () => parsePcrSelection(`11:${name}`),
    () => parseImagePolicy(name),
    () => parseImagePolicy(`root=${name}`),
    () => parseImagePolicy(`${name}=signed`),
    () => parseSigningRequest(encode(`{"version":1,"format":"${name}"}`)),
  ]
  for (const parse of refused) expect(parse).toThrow(ExtsignError)
  expect(canonicalArchitecture(name)).toBeUndefined()
  expect(parsePartitionTypeName(`root-${name}`)).toBeUndefined()
  expect(describePartitionType(name)).toBe(name)
  expect(suggestArchitecture(name)).toBeUndefined()
  expect(architectureOfNode(name, 'LE')).toBeUndefined()
  expect(findImpossibility(`${name}:sysinit`)).toBeUndefined()
})

test.each(NAMES)('a document keeps its field %s', (name) => {
  const document = parsePcrSignatureDocument(encode(`{"${name}":[{"${name}":1}]}`))
  const policy = policyOf({ bank: 'sha256', values: new Map([[11, new Uint8Array(32)]]) })
  const complete = JSON.parse(JSON.stringify(appendPcrSignatures(document, [policy])))
  expect(Object.keys(complete)).toEqual([name, 'sha256'])
  expect(Object.entries(complete)[0]).toEqual([name, [Object.fromEntries([[name, 1]])]])
})
