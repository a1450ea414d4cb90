/** Plans that run programs, load modules or speak to sockets: only with --allow-commands. */

import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign } from './fake-context.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const marker = at('marker')
const program = JSON.stringify([
  process.execPath,
  '-e',
  `require("fs").writeFileSync(${JSON.stringify(marker)}, process.env.EXTSIGN_PIN ?? "no PIN")`,
])

beforeAll(async () => {
  for (const name of ['old', 'new']) {
    const { keyPem, certificatePem } = makeTestKey('rsa2048', { commonName: `TEST ${name}` })
    writeFileSync(at(`${name}.key`), keyPem, { mode: 0o600 })
    writeFileSync(at(`${name}.crt`), certificatePem)
  }
  writeFileSync(at('linux'), 'kernel')
  const key = ['--private-key', at('old.key'), '--certificate', at('old.crt')]
  const signing = ['pcr', 'sign', '--linux', at('linux'), '--bank', 'sha256', '--phase', ':']
  const { code } = await extsign([...signing, ...key, '--signatures', at('policies.json')])
  expect(code).toBe(0)
  await extsign(['cred', 'setup', '--machine-id', '0123456789abcdef0123456789abcdef', at('host')])
  writeFileSync(at('plain'), 'hunter2')
  await extsign(['cred', 'encrypt', '--host-secret', at('host'), at('plain'), at('db')])
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(at('srk.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  const sealing = ['cred', 'encrypt', '--tpm2-device-key', at('srk.pem'), '--with-key', 'tpm2']
  expect((await extsign([...sealing, at('plain'), at('of-a-tpm')])).code).toBe(0)
})

const policies = (source: string, key: string) => `[[policies]]
files = "policies.json"
old-certificate = "old.crt"
certificate = "new.crt"
private-key = '${key}'
private-key-source = "${source}"
`
const credentials = (device: string) => `[[credentials]]
files = "db"
old-host-secret = "host"
tpm2-device = "${device}"
`
const oldTpm = (device: string) => `[[credentials]]
files = "of-a-tpm"
old-tpm2-device = "${device}"
host-secret = "host"
`
const rotate = (plan: string, ...args: string[]) => {
  writeFileSync(at('plan.toml'), plan)
  return extsign(['rotate', at('plan.toml'), ...args], { environment: { EXTSIGN_PIN: '1234' } })
}

test.each([
  ['runs a program', policies('command', program), 'it runs a program'],
  ['speaks to an agent', policies('agent', 'socket'), 'it speaks to a signing agent'],
  ['loads a module', policies('pkcs11', 'pkcs11:token=x'), 'it loads a PKCS#11 module'],
  ['speaks to a TPM', credentials('swtpm:port=1'), 'it speaks to a TPM behind a socket'],
  ['speaks to an old TPM', oldTpm('swtpm:port=1'), 'it speaks to a TPM behind a socket'],
  ['takes a file for a TPM', credentials(at('plain')), "plain' as to a TPM"],
])('a plan that %s has to be allowed to', async (_, plan, message) => {
  const before = [readFileSync(at('policies.json')), readFileSync(at('db'))]
  const { code, stdout, stderr } = await rotate(plan)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/plan\.toml: \[\[\w+\]\] in line 1: /)
  expect(stderr).toContain(message)
  expect(stderr).toContain('hint: --allow-commands')
  for (const mode of ['--check', '--dry-run']) {
    const looked = await rotate(plan, mode)
    expect(looked.stderr).toContain(message)
    expect(looked.stderr).toContain('a run needs --allow-commands for that')
    const isKnown = mode === '--dry-run' && !plan.includes('of-a-tpm')
    expect(looked.code).toBe(isKnown ? 0 : 3)
  }
  expect(existsSync(marker)).toBe(false)
  expect([readFileSync(at('policies.json')), readFileSync(at('db'))]).toEqual(before)
  expect(readFileSync(at('plain'), 'utf8')).toBe('hunter2')
})

test('no program is run to look, also where it is allowed; and none finds the PIN', async () => {
  const plan = policies('command', program)
  for (const mode of ['--check', '--dry-run']) await rotate(plan, mode, '--allow-commands')
  expect(existsSync(marker)).toBe(false)
  const { code, stdout } = await rotate(plan, '--allow-commands')
  expect(code).toBe(1)
  expect(stdout).toContain('printed nothing')
  expect(readFileSync(marker, 'utf8')).toBe('no PIN')
})

test('no TPM is asked to look, also where it is allowed, and what that leaves open is said', async () => {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const there = `swtpm:host=127.0.0.1,port=${address.port}`
  try {
    for (const device of [there, 'auto', '/dev/tpmrm0', 'device:/dev/tpm0', at('plain')]) {
      const both = `${oldTpm(device)}tpm2-device = "${device}"\n`
      for (const plan of [oldTpm(device), both]) {
        const reason = `of-a-tpm: cannot be told; it needs the TPM '${device}', which only a run asks\n`
        const checked = await rotate(plan, '--check', '--allow-commands')
        expect([checked.code, checked.stderr]).toEqual([3, ''])
        expect(checked.stdout).toContain(reason)
        expect(checked.stdout).toContain('nothing of 1 carries the old key, 1 cannot be told\n')
        const planned = await rotate(plan, '--dry-run', '--allow-commands')
        expect([planned.code, planned.stderr]).toEqual([3, ''])
        expect(planned.stdout).toBe(
          `credential  ${folder}/${reason}0 steps to do, 1 cannot be told\n`,
        )
      }
    }
    expect(connections).toBe(0)
    expect((await rotate(oldTpm(there), '--allow-commands')).code).toBe(1)
    expect(connections).toBe(1)
  } finally {
    server.close()
  }
  expect(readFileSync(at('plain'), 'utf8')).toBe('hunter2')
})

test('says in JSON what cannot be told', async () => {
  const { stdout } = await rotate(oldTpm('auto'), '--check', '--json')
  expect(JSON.parse(stdout).carriers).toEqual([
    {
      kind: 'credential',
      path: at('of-a-tpm'),
      note: "it needs the TPM 'auto', which only a run asks",
    },
  ])
})
