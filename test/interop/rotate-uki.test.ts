/** A UKI whose policies have changed hands, in the eyes of ukify of both generations. */

import { createPublicKey, verify } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { extsign, runExtsign } from '../support/extsign.ts'
import { policyKeyFingerprint, policyPlan, writePolicyKeys } from '../support/policy-keys.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

interface Entry {
  readonly pkfp: string
  readonly pol: string
  readonly sig: string
}

describe.each(GENERATIONS)('a UKI of ukify of %s', (_, tree) => {
  const isReady = available('root', `tree:${tree}`)
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  const inFolder = (command: string, ...args: string[]) => {
    const script = 'cd "$1" && shift && exec "$@"'
    return outputInTree(tree, folder, 'sh', ['-c', script, 'sh', folder, command, ...args])
  }
  /** Policies in `.pcrsig` as ukify shows them. */
  const entriesOf = (file: string, key: string): readonly Entry[] => {
    const shown = inFolder('ukify', 'inspect', file, '--json=short', '--section=.pcrsig:text')
    const { text } = JSON.parse(shown)['.pcrsig']
    const entries: readonly Entry[] = JSON.parse(text.replaceAll('\0', '')).sha256
    return entries.filter(({ pkfp }) => pkfp === policyKeyFingerprint(folder, key))
  }
  const isSigned = ({ pol, sig }: Entry, key: string) => {
    const publicKey = createPublicKey(readFileSync(at(`${key}.pub`)))
    return verify('sha256', Buffer.from(pol, 'hex'), publicKey, Buffer.from(sig, 'base64'))
  }

  beforeAll(() => {
    if (!isReady) return
    writePolicyKeys(folder)
    writeFileSync(at('linux'), Buffer.alloc(70_001, 'kernel'))
    writeFileSync(at('initrd'), Buffer.alloc(1000, 'initrd'))
    const stub = '--stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub'
    const parts = ['--linux=linux', '--initrd=initrd', '--os-release=ID=test', '--uname=1', stub]
    const key = ['--pcr-private-key=old.key', '--pcr-public-key=old.pub', '--output=linux.efi']
    inFolder('ukify', 'build', ...parts, ...key)
  })

  test.runIf(isReady)('is approved of by the new key in every phase, and measures the same', () => {
    const before = entriesOf('linux.efi', 'old')
    expect(before.length).toBeGreaterThan(3)
    const measured = extsign(['pcr', 'calculate', '--uki', at('linux.efi')])
    writeFileSync(at('rotate.toml'), policyPlan('linux.efi', 'replace = true'))
    expect(extsign(['rotate', at('rotate.toml')])).toContain('1 step done')
    const after = entriesOf('linux.efi', 'new')
    expect(after.map(({ pol }) => pol)).toEqual(before.map(({ pol }) => pol))
    expect(after.every((entry) => isSigned(entry, 'new'))).toBe(true)
    expect(entriesOf('linux.efi', 'old')).toEqual([])
    expect(extsign(['pcr', 'calculate', '--uki', at('linux.efi')])).toBe(measured)
  })

  test.runIf(isReady)('still embeds the old key, and that is said', () => {
    const { status, stdout } = runExtsign(['rotate', at('rotate.toml'), '--check'])
    expect(status).toBe(3)
    expect(stdout).toContain('new key; its .pcrpkey is the old key, which is measured')
  })
})
