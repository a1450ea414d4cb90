/** Signing commands that do what they should not: each is bounded, and what they print does not pile up. */

import { expect, test } from 'vitest'
import { runSigningCommand } from '../../../src/keys/signers/run-command.ts'

const run = (script: string) =>
  runSigningCommand({
    words: ['sh', '-c', script],
    input: new Uint8Array(100_000),
    environment: { PATH: process.env.PATH },
    patience: 1000,
  })

test.each([
  ['writes to standard error without end', 'yes 1>&2', 'took more than 1 s'],
  ['writes one line to it without end', 'tr "\\0" a </dev/zero 1>&2', 'took more than 1 s'],
  ['ignores what asks it to end', 'trap "" TERM INT HUP; sleep 300', 'took more than 1 s'],
  ['closes its streams and stays', 'exec 1>&- 2>&-; sleep 300', 'took more than 1 s'],
  ['prints without end', 'yes', 'printed more than 16384 bytes'],
  ['ends itself', 'kill -9 $$', 'ended with SIGKILL'],
  ['reads nothing and fails', 'exec 0<&-; exit 7', 'ended with 7'],
])('one that %s is an error', async (_, script, message) => {
  await expect(run(script)).rejects.toThrow(message)
})

test.each([
  ['ends before it has read anything', 'exec 0<&-; printf sig'],
  ['leaves a child that holds its streams', 'sleep 300 & printf sig'],
  ['leaves children that are busy', 'for i in 1 2 3; do (while :; do :; done) & done; printf sig'],
])('one that %s has signed', async (_, script) => {
  expect(Buffer.from(await run(script)).toString()).toBe('sig')
})
