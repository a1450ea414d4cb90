/** Firmware alone: what is not rightly signed is neither enrolled nor started. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeVariableUpdate } from '../../src/formats/efi-variable/index.ts'
import { makeKey } from '../support/keys.ts'
import { GENERATIONS } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { bootGuest, enrolInSetupMode, makeUpdates } from './harness/index.ts'

describe.runIf(available('root', 'guest:trixie', 'guest:sid'))('firmware', () => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)

  test.each(GENERATIONS)(
    'takes no damaged platform key from systemd-boot of %s',
    async (_, tree) => {
      const [auto, refused] = [at(`auto-${tree}`), at(`refused-${tree}`)]
      const pk = makeKey(folder, 'rsa2048', 'PK')
      const kek = makeKey(folder, 'rsa2048', 'KEK')
      makeUpdates({ pk, kek, db: [makeKey(folder, 'rsa4096', 'release')] }, auto)
      const bytes = new Uint8Array(readFileSync(join(auto, 'PK.auth')))
      const { data } = decodeVariableUpdate(bytes)
      bytes[bytes.length - data.length - 1]! ^= 1
      writeFileSync(join(auto, 'PK.auth'), bytes)
      const { console, values } = await enrolInSetupMode(tree, auto, refused)
      expect(console).not.toContain('successfully enrolled')
      expect(values.has('PK')).toBe(false)
    },
  )

  test('does not boot a UKI signed by a key outside of db', async () => {
    const db = [makeKey(folder, 'p256')]
    const signer = makeKey(folder, 'rsa2048', 'outside')
    const steps = [{ name: 'never', script: '' }]
    mkdirSync(at('payload'))
    const { message } = await bootGuest({
      ...{ guest: 'trixie', name: 'refused', payload: at('payload'), db, signer, steps },
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
})
