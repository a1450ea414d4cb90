import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createOutput } from '../../src/files/output.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { bundle } from './bundle.ts'

const folder = temporaryFolder()
const script = bundle(
  folder,
  'writer',
  `import { createOutput } from './src/files/output.ts'
   const output = await createOutput(process.argv[2])
   await output.write(new Uint8Array(1 << 20), 0)
   process.stdout.write('written')
   setInterval(() => {}, 1000)`,
)

/** A process in the middle of writing `path`. */
async function startWriter(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function newFolder(name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  return path
}

test('a killed writer leaves no output, and what it leaves the next one removes', async () => {
  const work = newFolder('killed')
  const path = join(work, 'hello.raw')
  await kill(await startWriter(path))
  expect(readdirSync(work)).toEqual([expect.stringMatching(/^\.hello\.raw\..*\.partial$/)])

  const output = await createOutput(path)
  await output.commit()
  expect(readdirSync(work)).toEqual(['hello.raw'])
})

test('the file of a writer that lives stays', async () => {
  const work = newFolder('alive')
  const path = join(work, 'hello.raw')
  const child = await startWriter(path)
  const output = await createOutput(path)
  expect(readdirSync(work)).toHaveLength(2)
  await output.commit()
  expect(readdirSync(work)).toHaveLength(2)
  await kill(child)
})

test('files that only look alike stay', async () => {
  const work = newFolder('alike')
  const dead = 2 ** 22 + 1
  const system = '00000000-00000000-00000000'
  const names = [
    `.hello.raw.${system}-${dead}-1-0.partial`,
    '.hello.raw.partial',
    `.hello.raw.${dead}.partial`,
    `.other.raw.${system}-1-1-0.partial`,
  ]
  for (const name of names) writeFileSync(join(work, name), '')
  const output = await createOutput(join(work, 'hello.raw'))
  await output.abort()
  expect(readdirSync(work).sort()).toEqual(names.sort())
})
