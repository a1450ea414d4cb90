import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildImage, signingWith } from '../images/fixtures.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { extsign, type FakeOptions } from './fake-context.ts'

const parent = temporaryFolder()
const [OLD, NEW] = ['old', 'new'].map((name) =>
  makeTestKey('p256', { commonName: `TEST-DO-NOT-USE ${name}` }),
) as [ReturnType<typeof makeTestKey>, ReturnType<typeof makeTestKey>]
/** More than are in work at once. */
const COUNT = 20
const NAMES = Array.from({ length: COUNT }, (_, index) => `${index}.raw`)

let folder: string
const at = (name: string) => join(folder, name)
const resign = (names: readonly string[], args: readonly string[] = [], options?: FakeOptions) => {
  const signing = ['--private-key', at('new.key'), '--certificate', at('new.crt')]
  return extsign(['resign', ...names.map(at), ...signing, '--threads=0', ...args], options)
}
const damage = (name: string) => {
  const bytes = readFileSync(at(name))
  bytes[bytes.length - 100]! ^= 1
  writeFileSync(at(name), bytes)
}

beforeAll(async () => {
  const files = { 'usr/lib/data': 'data' }
  await buildImage(parent, 'x.raw', files, { signing: signingWith(OLD) })
})

beforeEach(() => {
  folder = mkdtempSync(join(parent, 'case-'))
  for (const [name, key] of Object.entries({ old: OLD, new: NEW })) {
    writeFileSync(at(`${name}.key`), key.keyPem, { mode: 0o600 })
    writeFileSync(at(`${name}.crt`), key.certificatePem)
  }
  for (const name of NAMES) cpSync(join(parent, 'x.raw'), at(name))
})

test('a dry run opens no key, asks nothing and runs nothing', async () => {
  const marker = at('marker')
  const script = `require('fs').writeFileSync(${JSON.stringify(marker)}, '')`
  const sources = [
    ['file', at('no-such.key'), '--passphrase-file', at('no-such.passphrase')],
    ['command', JSON.stringify([process.execPath, '-e', script])],
    ['command', at('no-such-words')],
    ['agent', at('no-such.sock')],
    ['pkcs11', `pkcs11:token=none?module-path=${at('no-such.so')}&pin-source=${at('no-such.pin')}`],
  ] as const
  const before = readFileSync(at('0.raw'))
  for (const [source, key, ...more] of sources) {
    const signing = [`--private-key-source=${source}`, `--private-key=${key}`, ...more]
    const argv = ['resign', at('0.raw'), ...signing, '--certificate', at('new.crt'), '--threads=0']
    const { code, stdout, stderr } = await extsign([...argv, '--dry-run'], { passphrase: 'x' })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('signature would be replaced')
    expect(existsSync(marker)).toBe(false)
    expect((await extsign(argv)).code).toBe(1)
    rmSync(marker, { force: true })
  }
  expect(readFileSync(at('0.raw'))).toEqual(before)
})

describe.each([[[]], [['--no-verify-data']]])('many images at once, %j', (args) => {
  test('are reported in their order, and all are signed', async () => {
    const { code, stdout, stderr } = await resign(NAMES, args)
    expect([code, stderr]).toEqual([0, ''])
    const said = [...stdout.matchAll(/^(.*): signature replaced/gm)].map(([, path]) => path)
    expect(said).toEqual(NAMES.map(at))
    const old = ['--old-certificate', at('new.crt')]
    const again = JSON.parse((await resign(NAMES, [...args, ...old, '--json'])).stdout)
    expect(again.map(({ action }: { action: string }) => action)).toEqual(
      NAMES.map(() => 'unchanged'),
    )
  })

  test('are signed but for those that are not in order', async () => {
    damage('3.raw')
    damage('11.raw')
    const { code, stdout, stderr } = await resign([...NAMES, 'missing.raw'], [...args, '--json'])
    expect(code).toBe(1)
    const reports: { image: string; error?: { code: string } }[] = JSON.parse(stdout)
    expect(reports.map(({ image }) => image)).toEqual([...NAMES, 'missing.raw'].map(at))
    expect(reports.flatMap(({ image, error }) => (error ? [[image, error.code]] : []))).toEqual([
      [at('3.raw'), 'NOT_VERIFIED'],
      [at('11.raw'), 'NOT_VERIFIED'],
      [at('missing.raw'), 'NOT_FOUND'],
    ])
    for (const name of ['3.raw', '11.raw', 'missing.raw']) expect(stderr).toContain(at(name))
  })

  test('are named as they were given, also where a link is on the way', async () => {
    mkdirSync(at('folder/image.raw'), { recursive: true })
    symlinkSync('folder', at('link'))
    const { code, stderr } = await resign(['link/image.raw', 'link/missing.raw'], args)
    expect(code).toBe(1)
    expect(stderr).toContain(`${at('link/image.raw')} is a directory`)
    expect(stderr).toContain(`cannot read ${at('link/missing.raw')}: no such file`)
    expect(stderr).not.toContain(at('folder'))
  })

  test('are signed once each, whatever names they have', async () => {
    symlinkSync(at('0.raw'), at('link.raw'))
    const { code, stdout } = await resign(['0.raw', 'link.raw', '1.raw'], [...args, '--json'])
    expect(code).toBe(0)
    const reports: { action: string }[] = JSON.parse(stdout)
    expect(reports.map(({ action }) => action)).toEqual(['replaced', 'unchanged', 'replaced'])
  })

  test('are as they were where nothing was begun, and that is said', async () => {
    const before = readFileSync(at('0.raw'))
    const { code, stdout, stderr } = await resign(NAMES, [...args, '--json'], { interrupted: true })
    expect([code, stderr]).toEqual([
      130,
      `extsign: interrupted; 0 of ${COUNT} done, the others are as they were; the same command does the rest\n`,
    ])
    expect(JSON.parse(stdout)).toEqual(NAMES.map((name) => left(name)))
    for (const name of NAMES) expect(readFileSync(at(name)).equals(before)).toBe(true)
  })
})

const left = (name: string) => ({
  image: at(name),
  error: { code: 'INTERRUPTED', message: 'interrupted before it was changed' },
})

/** Aborts as soon as an image is not what it was. */
async function abortWhenChanged(path: string, controller: AbortController): Promise<void> {
  const before = readFileSync(path)
  while (readFileSync(path).equals(before)) await setImmediate()
  controller.abort()
}

/** Each image is as it was or signed by the new key, and the report says which. */
function expectTold(stdout: string, before: Buffer): number {
  const reports: { image: string; action?: string }[] = JSON.parse(stdout)
  expect(reports.map(({ image }) => image)).toEqual(NAMES.map(at))
  for (const { image, action } of reports) {
    expect([image, readFileSync(image).equals(before)]).toEqual([image, action === undefined])
  }
  return reports.filter(({ action }) => action === 'replaced').length
}

describe('an interruption in between', () => {
  test('ends resign, which says what is done; the same command does the rest', async () => {
    const before = readFileSync(at('0.raw'))
    const controller = new AbortController()
    const old = ['--old-certificate', at('old.crt'), '--json']
    const [{ code, stdout, stderr }] = await Promise.all([
      resign(NAMES, old, { signal: controller.signal }),
      abortWhenChanged(at('1.raw'), controller),
    ])
    expect(code).toBe(130)
    const done = expectTold(stdout, before)
    expect(stderr).toContain(`interrupted; ${done} of ${COUNT} done`)
    expect(done).toBeGreaterThan(0)
    expect(done).toBeLessThan(COUNT)
    const again = await resign(NAMES, old)
    expect([again.code, again.stderr]).toEqual([0, ''])
    const actions: { action: string }[] = JSON.parse(again.stdout)
    expect(actions.filter(({ action }) => action === 'replaced')).toHaveLength(COUNT - done)
  })

  test('ends attach, which says what is done; the same command does the rest', async () => {
    const before = readFileSync(at('0.raw'))
    const [request, response] = [at('request.json'), at('response.json')]
    const key = ['--private-key', at('new.key'), '--certificate', at('new.crt')]
    const root = ['--root', folder]
    await extsign(['request', ...NAMES.map(at), ...root, '-o', request, '--quiet'])
    await extsign(['sign', request, '-o', response, ...key, '--quiet'])
    const by = ['--certificate', at('new.crt'), '--old-certificate', at('old.crt'), '--threads=0']
    const command = ['attach', response, ...root, ...by, '--json']
    const controller = new AbortController()
    const [{ code, stdout, stderr }] = await Promise.all([
      extsign(command, { signal: controller.signal }),
      abortWhenChanged(at('3.raw'), controller),
    ])
    expect(code).toBe(130)
    const done = expectTold(stdout, before)
    expect(stderr).toContain(`interrupted; ${done} of ${COUNT} done`)
    expect(done).toBeGreaterThan(0)
    expect(done).toBeLessThan(COUNT)
    const again = await extsign(command)
    expect([again.code, again.stderr]).toEqual([0, ''])
    const actions: { action: string }[] = JSON.parse(again.stdout)
    expect(actions.filter(({ action }) => action === 'unchanged')).toHaveLength(done)
    expect(actions.filter(({ action }) => action === 'replaced')).toHaveLength(COUNT - done)
  })
})
