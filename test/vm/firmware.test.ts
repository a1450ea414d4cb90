/**
 * Firmware alone: in setup mode, systemd-boot enrolls what `extsign trust enroll` made, and nothing
 * that is not rightly signed; and what db does not know is not started.
 */

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import { toHex } from '../../src/bytes/hex.ts'
import { decodeVariableUpdate } from '../../src/formats/efi-variable/index.ts'
import { makeKey } from '../support/keys.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { bootGuest, enrolInSetupMode, makeUpdates, VARIABLES } from './harness/index.ts'

describe.runIf(available('root', 'guest:trixie', 'guest:sid'))('firmware', () => {
  const folder = temporaryFolder()
  const at = (...names: string[]) => join(folder, ...names)

  beforeAll(() => {
    const pk = makeKey(folder, 'rsa2048', 'PK')
    const kek = makeKey(folder, 'rsa2048', 'KEK')
    makeUpdates({ pk, kek, db: [makeKey(folder, 'rsa4096', 'release')] }, at('auto'))
    for (const [, tree] of GENERATIONS) mkdirSync(at(tree))
  })

  test.each(GENERATIONS)(
    'enrolls the keys and nothing else, by systemd-boot of %s',
    async (_, tree) => {
      const { console, variables } = await enrolInSetupMode(tree, at('auto'), at(tree, 'sound'))
      expect(console).toContain('Custom Secure Boot keys successfully enrolled')
      const found = readVariables(tree, variables)
      for (const variable of VARIABLES) {
        expect(found.get(variable)).toBe(toHex(readFileSync(at('auto', `${variable}.esl`))))
      }
    },
  )

  test.each(GENERATIONS)(
    'takes no platform key with a damaged signature, by %s',
    async (_, tree) => {
      const damaged = at(tree, 'damaged')
      cpSync(at('auto'), damaged, { recursive: true })
      const bytes = new Uint8Array(readFileSync(at('auto/PK.auth')))
      const { data } = decodeVariableUpdate(bytes)
      bytes[bytes.length - data.length - 1]! ^= 1
      writeFileSync(join(damaged, 'PK.auth'), bytes)
      const { console, variables } = await enrolInSetupMode(tree, damaged, at(tree, 'refused'))
      expect(console).not.toContain('successfully enrolled')
      expect(readVariables(tree, variables).has('PK')).toBe(false)
    },
  )

  test('does not boot a UKI signed by a key outside of db', async () => {
    const db = [makeKey(folder, 'p256')]
    const signer = makeKey(folder, 'rsa2048', 'outside')
    const steps = [{ name: 'never', script: '' }]
    const { message } = await bootGuest({
      ...{ guest: 'trixie', name: 'refused', payload: at('auto'), db, signer, steps },
    }).then(
      () => new Error('it did'),
      (error: Error) => error,
    )
    expect(message).toContain(
      'trixie: no result of step never: the firmware refused to boot the UKI',
    )
    const [, console] = /^console: (.*)$/m.exec(message) ?? []
    expect(readFileSync(console!, 'utf8')).toContain('Access Denied')
    expect(message).toContain('Access Denied')
  })

  /** The variables as virt-fw-vars finds them, in hexadecimal. */
  function readVariables(tree: TreeName, variables: string): ReadonlyMap<string, string> {
    const json = `${variables}.json`
    outputInTree(tree, at(tree), 'virt-fw-vars', ['-i', variables, '--output-json', json])
    const store: Store = JSON.parse(readFileSync(json, 'utf8'))
    return new Map(store.variables.map((each) => [each.name, each.data]))
  }
})

interface Store {
  readonly variables: readonly { readonly name: string; readonly data: string }[]
}
