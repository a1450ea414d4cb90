/** The recipes in `keys.example/README.md`, as somebody would type them. */

import { cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findKernelCertificateObjection } from '../../src/formats/x509/kernel.ts'
import { fileSigner } from '../../src/keys/file-signer.ts'
import { inspectKeys } from '../../src/keys/inspect.ts'
import { readPassphraseFile } from '../../src/keys/passphrase.ts'
import { EXTSIGN } from '../support/extsign.ts'
import { output } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const EXAMPLE = join(import.meta.dirname, '../../keys.example')
const blocks = [...readFileSync(join(EXAMPLE, 'README.md'), 'utf8').matchAll(/```sh\n(.*?)```/gs)]
const recipes = blocks.map(([, recipe]) => recipe!).filter((recipe) => !recipe.startsWith('cp '))

const byExtsign = recipes.filter((recipe) => recipe.startsWith('extsign '))
const byOpenssl = recipes.filter((recipe) => recipe.includes('openssl '))

test('every recipe is one of extsign or of openssl', () => {
  expect([byExtsign.length, byOpenssl.length]).toEqual([4, 3])
  expect(byExtsign.length + byOpenssl.length).toBe(recipes.length)
})

describe.runIf(available('openssl')).each([
  ['extsign', byExtsign],
  ['openssl', byOpenssl],
] as const)('with %s', (name, chosen) => {
  const folder = temporaryFolder()
  const keys = join(folder, 'keys')

  test('the recipes run', () => {
    cpSync(EXAMPLE, keys, { recursive: true })
    writeFileSync(join(keys, 'passphrase'), 'correct horse\n', { mode: 0o600 })
    if (name === 'extsign') expect(existsSync(EXTSIGN)).toBe(true)
    const extsign = `extsign() { '${process.execPath}' '${EXTSIGN}' "$@"; }\n`
    for (const recipe of chosen) output(tool('sh'), ['-euc', extsign + recipe], { cwd: folder })
  })

  const made = [
    ['release', 'RSA 4096', false],
    ['guarded', 'RSA 4096', true],
    ['pcr', 'RSA 2048', false],
  ] as const
  test.each(made)('%s is a pair that readers take', async (key, algorithm, guarded) => {
    const privateKey = join(keys, `${key}.key`)
    const certificate = join(keys, `${key}.crt`)
    const passphrase = guarded
      ? (await readPassphraseFile(join(keys, 'passphrase'))).bytes
      : undefined
    const signer = await fileSigner({ privateKey, certificate, passphrase })
    expect(signer.warnings).toEqual([])
    expect(findKernelCertificateObjection(signer.certificate)).toBeUndefined()
    expect(signer.certificate.extensions.basicConstraints?.certificateAuthority).toBe(false)
    expect(signer.certificate.extensions.keyUsage?.usages).toEqual(['digitalSignature'])
    expect(statSync(privateKey).mode & 0o777).toBe(0o600)
    expect(statSync(certificate).mode & 0o777).toBe(0o644)
    const { items, pairs } = await inspectKeys([privateKey, certificate], {
      now: new Date(),
      passphrase,
    })
    expect(items).toMatchObject([{ algorithm }, { algorithm, validity: 'valid' }])
    expect(pairs).toMatchObject([{ belongTogether: true }])
  })
})
