import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

  test('are signed once each, whatever names they have', async () => {
    symlinkSync(at('0.raw'), at('link.raw'))
    const { code, stdout } = await resign(['0.raw', 'link.raw', '1.raw'], [...args, '--json'])
    expect(code).toBe(0)
    const reports: { action: string }[] = JSON.parse(stdout)
    expect(reports.map(({ action }) => action)).toEqual(['replaced', 'unchanged', 'replaced'])
  })

  test('are as they were where nothing was begun', async () => {
    const before = readFileSync(at('0.raw'))
    const { code } = await resign(NAMES, args, { interrupted: true })
    expect(code).not.toBe(0)
    for (const name of NAMES) expect(readFileSync(at(name)).equals(before)).toBe(true)
  })
})
