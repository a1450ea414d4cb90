/** A rotation killed anywhere leaves every file as it was or as it shall be, and can be run again. */

import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { readHostSecret } from '../../src/credentials/host-secret.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { loadCertificate } from '../../src/keys/certificate.ts'
import { loadPolicyCertificate } from '../../src/keys/policy-key.ts'
import type { Carrier } from '../../src/rotation/carrier.ts'
import { credentialCarrier } from '../../src/rotation/credential.ts'
import { imageCarrier } from '../../src/rotation/image.ts'
import { policyCarrier } from '../../src/rotation/policies.ts'
import { trustCarrier } from '../../src/rotation/trust.ts'
import { extsign as call } from '../cli/fake-context.ts'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** Two sets of files, side by side. */
const SETS = ['one', 'other']
const RUNS = 100
const IMAGES = 3
const CREDENTIALS = 6
/** Trust directory, policies, images, credentials; the old keys leave the first two. */
const STEPS = 2 + IMAGES + CREDENTIALS + 2

describe.concurrent.each(SETS)(`${RUNS} rotations of %s set of files that are killed`, () => {
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  const list = (name: string) => readdirSync(at(name)).filter((each) => !each.startsWith('.'))

  /** Both directions, so that one set of files serves all runs. */
  const DIRECTIONS = [
    ['a', 'b'],
    ['b', 'a'],
  ] as const

  beforeAll(() => {
    for (const name of ['images', 'policies', 'sealed']) mkdirSync(at(name))
    for (const name of ['a', 'b', 'pcr-a', 'pcr-b']) {
      extsign(['keys', 'new', '--directory', folder, '--name', name, '--algorithm', 'rsa2048'])
    }
    const signing = ['--private-key', at('a.key'), '--certificate', at('a.crt')]
    for (let index = 0; index < IMAGES; index++) {
      writeFile(at(`tree-${index}/usr/share/number`), `${index}`)
      const naming = ['--name', `number${index}`, '--id', '_any']
      const output = ['--output', at(`images/number${index}.raw`)]
      extsign(['sysext', at(`tree-${index}`), ...naming, ...signing, ...output])
    }
    writeFileSync(at('vmlinuz'), 'kernel')
    const policies = ['--signatures', at('policies/linux.json')]
    extsign([
      'pcr',
      'sign',
      '--linux',
      at('vmlinuz'),
      '--private-key',
      at('pcr-a.key'),
      ...policies,
    ])
    writeFileSync(at('password'), 'hunter2')
    for (const name of ['a', 'b']) {
      extsign(['cred', 'setup', '--machine-id', 'f'.repeat(32), at(`${name}.secret`)])
    }
    for (let index = 0; index < CREDENTIALS; index++) {
      const output = at(`sealed/number${index}.cred`)
      extsign(['cred', 'encrypt', at('password'), output, '--host-secret', at('a.secret')])
    }
    extsign(['trust', 'install', at('a.crt'), '--root', folder])
    for (const [from, to] of DIRECTIONS) writeFileSync(at(`${to}.toml`), planOf(from, to))
  })

  test('leave files that are old or new, and finish when they are run again', async () => {
    let killed = 0
    for (let run = 0; run < RUNS; run++) {
      const [from, to] = DIRECTIONS[run % 2]!
      const plan = at(`${to}.toml`)
      if (await killWithin(plan, run)) killed++
      await expectSound(from, to, `run ${run}`)
      const { code, stderr } = await call(['rotate', plan, '--finish', '--quiet'], {
        now: new Date(),
      })
      expect([run, code, stderr]).toEqual([run, 0, ''])
      const states = await statesOf(from, to)
      expect(new Set(states)).toEqual(new Set(['new']))
      for (const name of ['images', 'policies', 'sealed']) {
        expect(readdirSync(at(name)).filter((each) => each.startsWith('.'))).toEqual([])
      }
    }
    // Whoever was faster than the signal proves nothing.
    expect(killed).toBeGreaterThan(RUNS * 0.9)
  }, 1_800_000)

  /** Starts a rotation and kills it behind a step that differs from run to run. */
  async function killWithin(plan: string, run: number): Promise<boolean> {
    const child = spawn(process.execPath, [EXTSIGN, 'rotate', plan, '--finish'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = new Promise<NodeJS.Signals | null>((resolve) => {
      child.on('close', (_, signal) => resolve(signal))
    })
    let lines = 0
    const reached = new Promise<void>((resolve) => {
      const wanted = run % STEPS
      if (wanted === 0) resolve()
      child.stdout.on('data', (chunk: Buffer) => {
        lines += chunk.toString().split('\n').length - 1
        if (lines >= wanted) resolve()
      })
      child.on('close', () => resolve())
    })
    await reached
    // Up to what a step takes; before the first step, up to what a start takes.
    await setTimeout(Math.random() * (run % STEPS === 0 ? 500 : 8))
    child.kill('SIGKILL')
    return (await ended) === 'SIGKILL'
  }

  /** Every file carries the old key or the new one, and what is signed verifies. */
  async function expectSound(from: string, to: string, what: string): Promise<void> {
    for (const [index, state] of (await statesOf(from, to)).entries()) {
      expect([what, index, state]).toEqual([what, index, expect.stringMatching(/^(old|both|new)$/)])
    }
    const certificates = [await loadCertificate(at('a.crt')), await loadCertificate(at('b.crt'))]
    for (const name of list('images')) {
      const { verdict } = await verifyImage(at(`images/${name}`), { certificates, threads: 0 })
      expect([what, name, verdict]).toEqual([what, name, 'ok'])
    }
  }

  async function statesOf(from: string, to: string): Promise<readonly string[]> {
    const carriers = await carriersOf(from, to)
    const states: string[] = []
    for (const carrier of carriers) states.push((await carrier.examine()).state ?? 'untold')
    return states
  }

  async function carriersOf(from: string, to: string): Promise<readonly Carrier[]> {
    const unexpected = async () => {
      throw new Error('nothing is signed here')
    }
    const certificates = {
      oldCertificate: await loadCertificate(at(`${from}.crt`)),
      newCertificate: await loadCertificate(at(`${to}.crt`)),
    }
    const policies = {
      oldKey: await loadPolicyCertificate(at(`pcr-${from}.crt`)),
      newKey: await loadPolicyCertificate(at(`pcr-${to}.crt`)),
      signing: unexpected,
    }
    const secrets = [
      await readHostSecret(at(`${from}.secret`)),
      await readHostSecret(at(`${to}.secret`)),
    ]
    const [oldHost, newHost] = secrets.map(
      ({ secret }) =>
        async () =>
          secret,
    )
    const credentials = {
      from: { host: oldHost, acceptNull: false },
      to: { host: newHost },
      random: () => new Uint8Array(0),
    }
    const images = { ...certificates, signer: unexpected }
    return [
      trustCarrier(at('etc/verity.d'), certificates),
      ...list('policies').map((name) => policyCarrier(at(`policies/${name}`), policies)),
      ...list('images').map((name) => imageCarrier(at(`images/${name}`), images)),
      ...list('sealed').map((name) => credentialCarrier(at(`sealed/${name}`), credentials)),
    ]
  }

  function planOf(from: string, to: string): string {
    return `
[[images]]
files = "images"
old-certificate = "${from}.crt"
certificate = "${to}.crt"
private-key = "${to}.key"
trust = "etc/verity.d"

[[policies]]
files = "policies"
old-certificate = "pcr-${from}.crt"
certificate = "pcr-${to}.crt"
private-key = "pcr-${to}.key"

[[credentials]]
files = "sealed"
old-host-secret = "${from}.secret"
host-secret = "${to}.secret"
`
  }
})
