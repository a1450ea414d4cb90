/** Unpacking as root into a folder that another user can write to, who does what can be done there. */

import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newPartialPath } from '../../src/files/partial.ts'
import { unpackImage } from '../../src/images/unpack.ts'
import { readVector } from '../formats/erofs/vectors.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { NOBODY } from '../support/unprivileged.ts'

const ROUNDS = 30

describe.runIf(available('root') && process.platform === 'linux')(
  'a folder of another user',
  () => {
    const folder = temporaryFolder()
    const image = join(folder, 'image')
    writeFileSync(image, readVector('plain'))

    /** A folder that anybody can write to, and beside it one that only root can. */
    function workplace() {
      const top = mkdtempSync(join(folder, 'case-'))
      chmodSync(top, 0o755)
      const shared = join(top, 'shared')
      const victim = join(top, 'victim')
      mkdirSync(shared)
      chmodSync(shared, 0o777)
      chownSync(shared, NOBODY.uid, NOBODY.gid)
      writeFile(join(victim, 'usr/precious'), 'kept')
      return { shared, victim, directory: join(shared, 'out') }
    }

    /** The name of what a process that has ended was unpacking. */
    const staleName = (directory: string) =>
      newPartialPath(directory).replace(`-${process.pid}-`, '-2000000000-')

    const unpack = (directory: string) => unpackImage({ image, directory, verify: false })
    const isKept = (path: string) =>
      expect(readFileSync(join(path, 'usr/precious'), 'utf8')).toBe('kept')

    test('with a link of the name of a leftover', async () => {
      const { victim, directory } = workplace()
      symlinkSync(victim, staleName(directory))
      await unpack(directory)
      isKept(victim)
    })

    test.each(['extsign-content', 'other'])(
      'with a folder of theirs of the name of a leftover, and %s in it that leads away',
      async (name) => {
        const { victim, directory } = workplace()
        const stale = staleName(directory)
        mkdirSync(stale, 0o700)
        symlinkSync(victim, join(stale, name))
        chownSync(stale, NOBODY.uid, NOBODY.gid)
        await unpack(directory)
        isKept(victim)
        expect(lstatSync(join(stale, name)).isSymbolicLink()).toBe(true)
      },
    )

    test.each([0o700, 0o755])(
      'with a folder of ours, mode %o, of the name of a leftover',
      async (mode) => {
        const { victim, directory } = workplace()
        const stale = staleName(directory)
        renameSync(victim, stale)
        chmodSync(stale, mode)
        await unpack(directory)
        isKept(stale)
      },
    )

    test('with what we make, and a mode that let others write into it', async () => {
      const { victim, directory } = workplace()
      const stale = staleName(directory)
      mkdirSync(stale)
      renameSync(victim, join(stale, 'extsign-content'))
      chmodSync(stale, 0o777)
      await unpack(directory)
      isKept(join(stale, 'extsign-content'))
    })

    test(`${ROUNDS} times while names are exchanged again and again`, async () => {
      const { shared, victim, directory } = workplace()
      const before = readdirSync(victim, { recursive: true }).sort()
      const ended = startAttacker(shared, victim)
      let made = 0
      try {
        for (let round = 0; round < ROUNDS; round++) {
          const target = `${directory}${round}`
          await unpack(target).then(
            () => made++,
            (error) =>
              expect(error).toMatchObject({
                code: expect.stringMatching(/^(DENIED|NOT_FOUND|IO|EXISTS|NOT_A_FILE)$/),
              }),
          )
        }
      } finally {
        await ended()
      }
      isKept(victim)
      expect(readdirSync(victim, { recursive: true }).sort()).toEqual(before)
      expect([statSync(victim).uid, statSync(victim).mode & 0o777]).toEqual([0, 0o755])
      expect(existsSync(join(victim, 'text'))).toBe(false)
      expect(made).toBeGreaterThan(0)
      expect(readdirSync(shared).filter((name) => name.startsWith('taken')).length).toBeGreaterThan(
        0,
      )
    })

    /** Another user who gives whatever appears another name, and puts a link in its place. */
    function startAttacker(shared: string, victim: string): () => Promise<void> {
      const code = `
      const fs = require('node:fs')
      const [shared, victim] = process.argv.slice(1)
      for (let number = 0; ; number++) {
        let names = []
        try { names = fs.readdirSync(shared) } catch {}
        for (const name of names) {
          if (!name.endsWith('.partial')) continue
          try {
            fs.renameSync(shared + '/' + name, shared + '/taken' + number)
            fs.symlinkSync(victim, shared + '/' + name)
          } catch {}
        }
      }`
      const child = spawn(process.execPath, ['-e', code, shared, victim], {
        ...NOBODY,
        cwd: '/',
        stdio: 'ignore',
      })
      const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
      return async () => {
        child.kill('SIGKILL')
        await ended
      }
    }
  },
)
