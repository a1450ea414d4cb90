/** A secret that is delivered is delivered whole, to however slow a reader, or the exit code says so. */

import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { run } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const folder = temporaryFolder()
const DECRYPT = [EXTSIGN, 'cred', 'decrypt', '--name=', '--allow-null']
const CLOSED = 'extsign: error: standard output was closed before all of the secret was taken\n'

/** The path of a credential with these bytes in it. */
function seal(name: string, secret: Uint8Array): string {
  writeFileSync(join(folder, name), secret)
  const path = join(folder, `${name}.cred`)
  extsign(['cred', 'encrypt', '--with-key=null', '--force', join(folder, name), path])
  return path
}

/** Runs a line of sh in which `$decrypt` opens the credential. */
function shell(line: string, credential: string) {
  const words = [process.execPath, ...DECRYPT, credential].map((word) => `'${word}'`).join(' ')
  return run('bash', ['-c', `decrypt() { ${words} "$@"; }; ${line}`], { cwd: folder })
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test.each([1, 4096, 65_536, 65_537, 200_000, 1_048_576])(
  'a slow reader of a pipe gets all of %i bytes',
  (size) => {
    const secret = randomBytes(size)
    const line = 'decrypt | (sleep 0.3; sha256sum); echo "$PIPESTATUS"'
    const { stdout } = shell(line, seal('pipe', secret))
    expect(stdout).toBe(`${digest(secret)}  -\n0\n`)
  },
)

test('a socket that is read in bits gets all of it', async () => {
  const secret = randomBytes(700_000)
  // The pipes of Node are sockets.
  const child = spawn(process.execPath, [...DECRYPT, seal('socket', secret)])
  const got: Uint8Array[] = []
  child.stdout.pause()
  await setTimeout(500)
  for await (const chunk of child.stdout.iterator()) {
    got.push(chunk)
    await setTimeout(5)
  }
  expect(digest(Buffer.concat(got))).toBe(digest(secret))
})

test('a pipe that is small and read byte by byte gets all of it', () => {
  const secret = randomBytes(9000)
  const line = 'decrypt --transcode=base64 | dd bs=1 status=none | base64 -d | sha256sum'
  expect(shell(line, seal('bytes', secret)).stdout).toBe(`${digest(secret)}  -\n`)
})

test('JSON with a secret in it is read as slowly', () => {
  const secret = randomBytes(300_000)
  const { stdout } = shell('decrypt --json | (sleep 0.3; cat)', seal('json', secret))
  expect(JSON.parse(stdout).secret).toBe(secret.toString('base64'))
})

test.runIf(available('script'))('a terminal gets all of it', () => {
  const secret = Buffer.from(`${'0123456789abcdef'.repeat(4)}\n`.repeat(2000))
  const words = [process.execPath, ...DECRYPT, seal('terminal', secret)].join(' ')
  const { status, stdout } = run(tool('script'), ['-qec', words, '/dev/null'])
  expect(status).toBe(0)
  expect(stdout.replaceAll('\r', '')).toBe(secret.toString())
})

describe('a secret that does not arrive whole ends with 1', () => {
  const credential = () => seal('lost', randomBytes(500_000))

  test('when the reader of a pipe goes away', () => {
    const line = 'decrypt | head -c 10 >/dev/null; echo "$PIPESTATUS"'
    expect(shell(line, credential())).toMatchObject({ stdout: '1\n', stderr: CLOSED })
  })

  test('when a socket is closed', async () => {
    const child = spawn(process.execPath, [...DECRYPT, credential()])
    child.stdout.once('data', () => child.stdout.destroy())
    const said = text(child.stderr)
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect([code, await said]).toEqual([1, CLOSED])
  })

  test.each([
    ['/dev/full', 'decrypt >/dev/full', /ENOSPC/],
    ['a file as large as a file may be', 'ulimit -f 100; decrypt >limited', /EFBIG/],
  ])('on %s', (_, line, said) => {
    const { status, stderr } = shell(line, credential())
    expect([status, stderr]).toEqual([1, expect.stringMatching(said)])
  })

  test.runIf(available('root', 'mount'))('on a disk that takes a part of it', () => {
    mkdirSync(join(folder, 'small'), { recursive: true })
    const mounted = 'mount -t tmpfs -o size=64k tmpfs small; trap "umount small" EXIT'
    const { status, stderr } = shell(`${mounted}; decrypt >small/out`, credential())
    expect([status, stderr]).toEqual([1, expect.stringMatching(/ENOSPC/)])
  })
})

test('a file gets all of it, at standard output and as OUT', () => {
  const secret = randomBytes(900_000)
  const path = seal('file', secret)
  expect(shell('decrypt >redirected', path).status).toBe(0)
  extsign(['cred', 'decrypt', '--name=', '--allow-null', path, join(folder, 'out')])
  for (const name of ['redirected', 'out']) {
    expect(digest(readFileSync(join(folder, name)))).toBe(digest(secret))
  }
})
