/** Credentials of a TPM and the policies that open them, moved to another key. */

import { sign } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toBase64 } from '../../src/bytes/base64.ts'
import { toHex } from '../../src/bytes/hex.ts'
import { extendPolicyPcr } from '../../src/formats/tpm2/policy.ts'
import { extsign, runExtsign } from '../support/extsign.ts'
import { policyKeyFingerprint, policyPlan, writePolicyKeys } from '../support/policy-keys.ts'
import { GENERATIONS } from '../support/reference-trees.ts'
import { type SoftwareTpm, startTpm } from '../support/swtpm.ts'
import { systemdCreds } from '../support/systemd-creds.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const SECRET = 'correct horse battery staple'
const ZERO = new Uint8Array(32)
const ready = available('root', 'swtpm', 'tree:trixie', 'tree:sid')

describe.runIf(ready).each(GENERATIONS)('a credential of a TPM, sealed by %s,', (_, tree) => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  let tpm: SoftwareTpm

  beforeAll(async () => {
    tpm = await startTpm(at('tpm-state'))
    writePolicyKeys(folder)
    mkdirSync(at('sealed'))
    // Approved of is the machine in which nobody has measured anything.
    const policy = extendPolicyPcr(ZERO, { bank: 'sha256', values: new Map([[11, ZERO]]) })
    const entry = {
      pcrs: [11],
      pkfp: policyKeyFingerprint(folder, 'old'),
      pol: toHex(policy),
      sig: toBase64(sign('sha256', policy, readFileSync(at('old.key')))),
    }
    writeFileSync(at('signature.json'), JSON.stringify({ sha256: [entry] }))
    writeFileSync(at('plain'), SECRET)
    const key = [`--tpm2-public-key=${at('old.pub')}`, '--tpm2-pcrs=']
    const device = `--tpm2-device=${tpm.device}`
    const kind = ['--with-key=tpm2-with-public-key', '--name=db']
    const files = [at('plain'), at('sealed/db')]
    const { status, stderr } = systemdCreds(tree, folder, [
      'encrypt',
      ...kind,
      device,
      ...key,
      ...files,
    ])
    if (status !== 0) throw new Error(stderr)
    copyFileSync(at('sealed/db'), at('before'))
    writeFileSync(
      at('rotate.toml'),
      `${policyPlan('signature.json')}
[[credentials]]
files = "sealed"
old-tpm2-device = "${tpm.device}"
old-tpm2-signature = "signature.json"
tpm2-device = "${tpm.device}"
tpm2-public-key = "new.pub"
tpm2-signature = "signature.json"
`,
    )
  })
  afterAll(() => tpm.stop())

  const open = (file: string) => {
    const options = [`--tpm2-device=${tpm.device}`, `--tpm2-signature=${at('signature.json')}`]
    const args = ['decrypt', '--name=db', ...options, at(file), '-']
    const { status, stdout } = systemdCreds(tree, folder, args)
    return status === 0 ? stdout : undefined
  }

  const rotate = (...args: string[]) =>
    extsign(['rotate', at('rotate.toml'), '--allow-commands', ...args])

  test('opens with both keys approved of, and after the old one has left with the new', () => {
    expect(open('sealed/db')).toBe(SECRET)
    // The TPM is behind a socket, which a plan has to be allowed to name.
    const refused = runExtsign(['rotate', at('rotate.toml')])
    expect(refused.status).toBe(2)
    expect(refused.stderr).toContain('it speaks to a TPM behind a socket')
    const unasked = runExtsign(['rotate', at('rotate.toml'), '--check', '--allow-commands'])
    expect(unasked.stdout).toMatch(
      /db: cannot be told; it needs the TPM '.*', which only a run asks/,
    )
    expect(rotate()).toContain('2 steps done')
    expect([open('before'), open('sealed/db')]).toEqual([SECRET, SECRET])
    expect(readFileSync(at('sealed/db'))).not.toEqual(readFileSync(at('before')))
    expect(rotate()).toContain('0 steps done')
    expect(rotate('--finish')).toContain('1 step done')
    expect([open('before'), open('sealed/db')]).toEqual([undefined, SECRET])
    const checked = runExtsign(['rotate', at('rotate.toml'), '--check', '--allow-commands'])
    expect(checked.stdout).toContain('nothing of 2 carries the old key, 1 cannot be told')
    expect(checked.status).toBe(3)
  })
})
