/** Small commands that a signal ends say what was written, remove what is half made, and die of it. */

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { makeUki } from '../support/pe.ts'
import { temporaryFolder } from '../support/temporary.ts'

const ROUNDS = 4
const folder = temporaryFolder()
const keys = join(folder, 'keys')
const certificate = join(keys, 'release.crt')
const uki = join(folder, 'linux.efi')

beforeAll(() => {
  extsign(['keys', 'new', '--directory', keys, '--algorithm', 'p256'])
  writeFileSync(uki, makeUki())
})

/** Commands by what they are called, each with what it writes. */
const COMMANDS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    'keys new',
    ['--directory', 'made', '--algorithm', 'rsa2048', '--json'],
    ['made/release.crt', 'made/release.key'],
  ],
  ['trust install', [certificate, '--root', '.', '--json'], ['etc/verity.d/release.crt']],
  [
    'trust enroll',
    [
      ...['enrolled', certificate, '--timestamp', 'now'],
      ...['--private-key', join(keys, 'release.key'), '--certificate', certificate],
    ],
    ['enrolled'],
  ],
  [
    'pcr pcrlock',
    ['--uki', uki, '--output', 'locked', '--bank', 'sha256', '--secure-boot', 'off', '--json'],
    ['locked/650-uki.pcrlock.d/linux-profile0.pcrlock'],
  ],
]

describe.each(COMMANDS)('%s', (name, args, outputs) => {
  test.each(['SIGTERM', 'SIGINT'] as const)('that %s ends', async (signal) => {
    const full = await measure(`whole-${signal}`)
    for (let round = 0; round < ROUNDS; round++) {
      const work = join(folder, `${name}-${signal}-${round}`)
      // The last part of a run is where files are made.
      const after = full * (0.5 + (0.6 * round) / ROUNDS)
      const { code, by, said, result } = await run(work, { signal, after })
      const there = outputs.filter((path) => existsSync(join(work, path)))
      const all = readdirSync(work, { recursive: true, encoding: 'utf8' })
      expect(all.filter((path) => /(?:^|\/)\.[^/]*$/.test(path))).toEqual([])
      expect([[], outputs]).toContainEqual(there)
      // Nor a folder that was made for them.
      if (there.length === 0) expect(all).toEqual([])
      // While Node takes itself down, after the result, the system ends the process without a word.
      if (code === 0 || result !== '') expect(there).toEqual(outputs)
      else if (said !== '') {
        expect(by).toBe(signal)
        const written = there.length === 0 ? 'nothing was written' : 'written: '
        expect(said).toContain(`extsign: interrupted, ${written}`)
      } else expect([by, there]).toEqual([signal, []])
    }
  })

  async function measure(label: string): Promise<number> {
    const begin = performance.now()
    const { code } = await run(join(folder, `${name}-${label}`), undefined)
    expect(code).toBe(0)
    return performance.now() - begin
  }

  async function run(
    work: string,
    end: { readonly signal: NodeJS.Signals; readonly after: number } | undefined,
  ) {
    mkdirSync(work, { recursive: true })
    const words = [EXTSIGN, ...name.split(' '), ...args]
    const child = spawn(process.execPath, words, { cwd: work, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    let result = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      result += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const ended = new Promise<{ code: number | null; by: NodeJS.Signals | null }>((resolve) => {
      child.on('close', (code, by) => resolve({ code, by }))
    })
    if (end) {
      await setTimeout(end.after)
      child.kill(end.signal)
    }
    return { ...(await ended), said, result }
  }
})
