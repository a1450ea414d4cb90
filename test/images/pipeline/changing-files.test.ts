/** Files that change, vanish or become something else while threads work on them. */

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundle } from '../../files/bundle.ts'
import { run } from '../../support/run.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const folder = temporaryFolder()
// Real threads run files, as they are after the build.
writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
renameSync(
  bundle(folder, 'worker', "await import('./src/images/pipeline/worker.ts')"),
  join(folder, 'worker.js'),
)

/** Does everything to files of a tree or to an image as soon as the first bytes have been read. */
const script = bundle(
  folder,
  'change',
  `import { execFileSync } from 'node:child_process'
   import fs from 'node:fs'
   import { join } from 'node:path'
   import { buildExtension } from './src/images/build.ts'
   import { verifyImage } from './src/images/verify.ts'
   import { wrapFilesystem } from './src/images/wrap.ts'
   const [folder, threads] = [process.argv[2], Number(process.argv[3])]
   const outcomes = {}
   process.on('unhandledRejection', (error) => { outcomes.unhandled = String(error) })
   const changes = {
     truncated: (path) => fs.truncateSync(path, 5000),
     longer: (path) => fs.appendFileSync(path, 'x'),
     gone: (path) => fs.unlinkSync(path),
     link: (path) => { fs.unlinkSync(path); fs.symlinkSync('/etc/passwd', path) },
     folder: (path) => { fs.unlinkSync(path); fs.mkdirSync(path) },
     fifo: (path) => { fs.unlinkSync(path); execFileSync('mkfifo', [path]) },
     written: (path) => fs.writeFileSync(path, new Uint8Array(fs.statSync(path).size)),
     replaced: (path) => { fs.cpSync(path, path + '~'); fs.renameSync(path + '~', path) },
   }
   const once = (step, change) => {
     let done = false
     return (progress) => {
       if (done || progress.step !== step) return
       done = true
       change()
     }
   }
   const attempt = async (name, work, act) => {
     fs.mkdirSync(work, { recursive: true })
     outcomes[name] = await act().then(() => 'done', ({ name, code }) => name + ' ' + code)
     // Rejections that nothing handles are told in the next turn.
     await new Promise((resolve) => setTimeout(resolve, 1))
     const left = fs.readdirSync(work).filter((name) => name.endsWith('.partial'))
     if (left.length > 0) outcomes[name] += ' and leaves ' + left
   }
   // More than the jobs that may be under way with the first result, so that others are unread.
   const LARGE = 50e6
   const paths = (tree) => Array.from({ length: 12 }, (_, index) => join(tree, 'usr', 'f' + index))
   for (const [compression, names] of [['none', Object.keys(changes)], ['lz4', ['gone']]]) {
     for (const name of names) {
       const change = changes[name]
       const tree = join(folder, 'tree-' + compression + name)
       fs.mkdirSync(join(tree, 'usr'), { recursive: true })
       fs.writeFileSync(join(tree, 'usr/earlier'), '')
       fs.truncateSync(join(tree, 'usr/earlier'), LARGE)
       for (const [index, path] of paths(tree).entries()) {
         fs.writeFileSync(path, '')
         fs.truncateSync(path, 4096 * (60 + index))
       }
       const work = join(folder, 'built-' + compression + name)
       await attempt(compression + ' ' + name, work, () => buildExtension({
         kind: 'sysext', tree, name: 'x', output: join(work, 'x.raw'), threads,
         release: { id: '_any' }, compression: { algorithm: compression },
         // Several of them, so that failures wait behind others.
         onProgress: once('read', () => paths(tree).forEach(change)),
       }))
       fs.rmSync(tree, { recursive: true })
     }
   }
   const work = join(folder, 'work')
   const filesystem = join(folder, 'filesystem')
   const tree = join(folder, 'tree')
   fs.mkdirSync(join(tree, 'usr'), { recursive: true })
   fs.writeFileSync(join(tree, 'usr/file'), '')
   fs.truncateSync(join(tree, 'usr/file'), LARGE)
   const { output, partitions: [{ offset }], filesystemSize } = await buildExtension({
     kind: 'sysext', tree, name: 'x', output: join(folder, 'x.raw'), threads,
     release: { id: '_any' },
   })
   fs.writeFileSync(filesystem, fs.readFileSync(output).subarray(offset, offset + filesystemSize))
   const wrap = (onProgress) => wrapFilesystem({
     filesystem, threads, name: 'y', output: join(work, 'y.raw'), force: true, onProgress,
   })
   await attempt('wrap', work, () => wrap())
   const image = join(work, 'y.raw')
   const shrink = once('hash', () => fs.truncateSync(image, 3e6))
   await attempt('verify', work, () => verifyImage(image, { threads, onProgress: shrink }))
   await attempt('wrap shrinking', work, () =>
     wrap(once('read', () => fs.truncateSync(filesystem, LARGE - 1e6))))
   process.stdout.write(JSON.stringify(outcomes))`,
)

const unlessWindows = test.runIf(process.platform !== 'win32')

unlessWindows.each([0, 3])(
  'nothing is left, and one error says what changed: %i threads',
  (threads) => {
    const work = join(folder, `${threads}`)
    mkdirSync(work)
    const { stdout, stderr, status } = run(process.execPath, [script, work, `${threads}`])
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const { wrap, verify, ...others } = JSON.parse(stdout)
    expect({ wrap, verify }).toEqual({ wrap: 'done', verify: 'FileError IO' })
    expect(Object.keys(others)).toHaveLength(10)
    expect(new Set(Object.values(others))).toEqual(new Set(['TreeError CHANGED']))
  },
)
