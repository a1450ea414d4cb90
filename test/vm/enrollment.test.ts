/** Firmware in setup mode, systemd-boot and what `extsign trust enroll` made: who is in db afterwards. */

import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { decodeVariableUpdate } from '../../src/formats/efi-variable/index.ts'
import { makeKey } from '../support/keys.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { enrolInSetupMode, makeUpdates, VARIABLES } from './harness/index.ts'

describe.runIf(available('root', 'guest:trixie', 'guest:sid')).each(GENERATIONS)(
  'systemd-boot of %s',
  (_, tree) => {
    const folder = temporaryFolder()
    const at = (name: string) => join(folder, name)

    beforeAll(() => {
      const pk = makeKey(folder, 'rsa2048', 'PK')
      const kek = makeKey(folder, 'rsa2048', 'KEK')
      makeUpdates({ pk, kek, db: [makeKey(folder, 'rsa4096', 'release')] }, at('auto'))
    })

    test('enrolls the keys, and nothing else is in the variables', async () => {
      const { console, variables } = await enrolInSetupMode(tree, at('auto'), at('sound'))
      expect(console).toContain('Custom Secure Boot keys successfully enrolled')
      const found = readVariables(variables)
      for (const variable of VARIABLES) {
        expect(found.get(variable)).toBe(toHex(readFileSync(at(`auto/${variable}.esl`))))
      }
    })

    test('is refused a platform key whose signature is not right', async () => {
      cpSync(at('auto'), at('damaged'), { recursive: true })
      const bytes = new Uint8Array(readFileSync(at('auto/PK.auth')))
      const { data } = decodeVariableUpdate(bytes)
      bytes[bytes.length - data.length - 1]! ^= 1
      writeFileSync(at('damaged/PK.auth'), bytes)
      const { console, variables } = await enrolInSetupMode(tree, at('damaged'), at('refused'))
      expect(console).not.toContain('successfully enrolled')
      expect(readVariables(variables).has('PK')).toBe(false)
    })

    /** The variables as virt-fw-vars finds them, in hexadecimal. */
    function readVariables(variables: string): ReadonlyMap<string, string> {
      const json = `${variables}.json`
      outputInTree(tree, folder, 'virt-fw-vars', ['-i', variables, '--output-json', json])
      const store: Store = JSON.parse(readFileSync(json, 'utf8'))
      return new Map(store.variables.map((each) => [each.name, each.data]))
    }
  },
)

interface Store {
  readonly variables: readonly { readonly name: string; readonly data: string }[]
}
