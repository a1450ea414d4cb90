import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { trustCarrier } from '../../src/rotation/trust.ts'
import { certificateOf } from '../images/fixtures.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'

const parent = temporaryFolder()
const old = makeTestKey('p256', { commonName: 'TEST-DO-NOT-USE old' })
const current = makeTestKey('p256', { commonName: 'TEST-DO-NOT-USE new' })
const other = makeTestKey('p256', { commonName: 'TEST-DO-NOT-USE other' })
const turn = {
  oldCertificate: certificateOf(old, 'keys/release.crt'),
  newCertificate: certificateOf(current, 'keys/next.crt'),
}

function directory(files: Readonly<Record<string, string>>) {
  const path = mkdtempSync(join(parent, 'verity.d-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return { path, carrier: trustCarrier(path, turn) }
}

test('the new certificate comes beside the old one, and the old one leaves', async () => {
  const { path, carrier } = directory({
    'release.crt': old.certificatePem,
    'other.crt': other.certificatePem,
  })
  expect(await carrier.examine()).toEqual({ state: 'old' })
  await carrier.move('both')
  expect(await carrier.examine()).toEqual({ state: 'both' })
  expect(readFileSync(join(path, 'next.crt'), 'utf8')).toBe(current.certificatePem)
  await carrier.move('both')
  await carrier.move('new')
  expect(await carrier.examine()).toEqual({ state: 'new' })
  expect(readdirSync(path)).toEqual(['next.crt', 'other.crt'])
})

test('the old one is found under whatever name, as often as it is there', async () => {
  const { path, carrier } = directory({ 'a.crt': old.certificatePem, 'b.crt': old.certificatePem })
  await carrier.move('new')
  expect(readdirSync(path)).toEqual(['next.crt'])
})

test('a name that is taken is not taken away', async () => {
  const { path, carrier } = directory({ 'next.crt': other.certificatePem })
  expect(await carrier.examine()).toEqual({
    state: 'old',
    note: 'neither certificate is in it',
  })
  await carrier.move('both')
  expect(readdirSync(path)).toEqual([
    `next-${turn.newCertificate.fingerprint.slice(0, 8)}.crt`,
    'next.crt',
  ])
  expect(readFileSync(join(path, 'next.crt'), 'utf8')).toBe(other.certificatePem)
})

test('a directory that is not there is an error', async () => {
  await expect(trustCarrier(join(parent, 'none'), turn).examine()).rejects.toThrow('does not exist')
})
