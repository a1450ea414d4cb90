/** The end of a command that cannot remove what it has begun: a file system that no longer answers. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { manyReleaseFiles } from '../formats/erofs/tiny-attacks.ts'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const image = join(folder, 'image')
const tree = join(folder, 'tree')
const preload = join(folder, 'hang.mjs')

/** Milliseconds that the first signal gives. */
const BOUND = 5000

beforeAll(() => {
  writeFileSync(image, manyReleaseFiles(60))
  for (let index = 0; index < 64; index++) {
    writeFile(join(tree, `usr/${index}`), Buffer.alloc(8 << 20, `${index} `))
  }
  // Removing never ends, as on a server that has gone away.
  writeFileSync(
    preload,
    `import fs from 'node:fs'
     import { syncBuiltinESMExports } from 'node:module'
     for (const name of ['unlink', 'rmdir']) fs.promises[name] = () => new Promise(() => undefined)
     setInterval(() => undefined, 1000)
     syncBuiltinESMExports()`,
  )
})

const COMMANDS = {
  unpack: (into: string) => ['unpack', '--unverified', image, join(into, 'out')],
  sysext: (into: string) =>
    [
      'sysext',
      tree,
      '--unsigned',
      '--id',
      '_any',
      '--name',
      'a',
      '--compression',
      'zstd:19',
    ].concat(['-o', join(into, 'a.raw')]),
}

/** Starts the command, ends it as soon as it has begun to write, and says how that went. */
async function interrupt(name: keyof typeof COMMANDS, signals: number) {
  const into = join(folder, `${name}-${signals}`)
  mkdirSync(into)
  const words = COMMANDS[name](into)
  const child = spawn(process.execPath, ['--import', preload, EXTSIGN, ...words], {
    env: { PATH: '' },
  })
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  const closed = once(child, 'close')
  while (!readdirSync(into).some((each) => each.endsWith('.partial'))) await sleep(5)
  await sleep(50)
  const start = Date.now()
  for (let sent = 0; sent < signals; sent++) {
    child.kill('SIGTERM')
    await sleep(300)
  }
  const [, signal] = await closed
  return { into, signal, said, took: Date.now() - start, left: readdirSync(into) }
}

describe.each([
  ['a second signal ends it', 2],
  ['it is ended after five seconds', 1],
] as const)('%s', (_, signals) => {
  const isTimely = (took: number) => (signals === 1 ? took >= BOUND - 100 : took < BOUND)

  test('unpack says what it leaves, and the next run removes it', async () => {
    const { into, signal, said, took, left } = await interrupt('unpack', signals)
    expect(signal).toBe('SIGTERM')
    expect(isTimely(took), `${took} ms`).toBe(true)
    expect(left).toEqual([expect.stringMatching(/^\.out\..*\.partial$/)])
    expect(said).toBe(`extsign: left behind: ${join(into, left[0]!)}, which the next run removes\n`)
    extsign(COMMANDS.unpack(into))
    expect(readdirSync(into)).toEqual(['out'])
  })

  test('sysext leaves nothing', async () => {
    const { signal, said, took, left } = await interrupt('sysext', signals)
    expect(signal).toBe('SIGTERM')
    expect(isTimely(took), `${took} ms`).toBe(true)
    expect({ said, left }).toEqual({ said: '', left: [] })
  })
})
