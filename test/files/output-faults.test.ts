/** Every single call to the system fails once, for good, or is the last one: what is there then? */

import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { commitOutputs, writeOutput } from '../../src/files/output.ts'
import { createOutputs } from '../../src/files/outputs.ts'
import { newPartialPath } from '../../src/files/partial.ts'
import { writeWholeFolder } from '../../src/files/whole-folder.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { disown, type Fault, type FaultyDisk } from './faulty-disk.ts'

const { disk } = vi.hoisted(() => ({ disk: { current: undefined as unknown as FaultyDisk } }))

vi.mock('node:fs/promises', async (importOriginal) => {
  const { FaultyDisk } = await import('./faulty-disk.ts')
  disk.current = new FaultyDisk()
  return disk.current.wrap(await importOriginal<typeof import('node:fs/promises')>())
})

const parent = temporaryFolder()
const FAULTS = ['once', 'for good', 'killed'] as const

interface Act {
  readonly run: (folder: string) => Promise<void>
  /** What is there before, by name. */
  readonly before: Readonly<Record<string, string>>
  readonly after: Readonly<Record<string, string>>
}

async function writeGroup(folder: string, force: boolean): Promise<void> {
  const outputs = await createOutputs(
    ['roothash', 'p7s', 'raw'].map((name) => ({ path: join(folder, name), force })),
  )
  try {
    for (const output of outputs) await output.write(encodeUtf8('new'), 0)
    await commitOutputs(outputs)
  } finally {
    for (const output of outputs) await output.abort()
  }
}

const GROUP = { roothash: 'new', p7s: 'new', raw: 'new' }
const acts: Readonly<Record<string, Act>> = {
  'a new file': {
    run: (folder) => writeOutput(join(folder, 'file'), encodeUtf8('new')),
    before: {},
    after: { file: 'new' },
  },
  'a file that is replaced': {
    run: (folder) => writeOutput(join(folder, 'file'), encodeUtf8('new'), { force: true }),
    before: { file: 'old' },
    after: { file: 'new' },
  },
  'three new files': { run: (folder) => writeGroup(folder, false), before: {}, after: GROUP },
  'three files, two of which are replaced': {
    run: (folder) => writeGroup(folder, true),
    before: { roothash: 'old', raw: 'old' },
    after: GROUP,
  },
  'a folder': {
    run: (folder) =>
      writeWholeFolder(join(folder, 'made'), async (write) => {
        await write('one', 'new')
        await write('two', 'new')
      }),
    before: {},
    after: { 'made/one': 'new', 'made/two': 'new' },
  },
}

describe.each(Object.entries(acts))('%s', (_, { run, before, after }) => {
  test.each(FAULTS)('when a call fails %s', async (fault) => {
    let failures = 0
    for (let when = 0; ; when++) {
      const folder = mkdtempSync(join(parent, 'case-'))
      for (const [name, text] of Object.entries(before)) writeFileSync(join(folder, name), text)
      disk.current.arm(fault, when)
      const error = await run(folder).then(
        () => undefined,
        (thrown: unknown) => thrown as Error,
      )
      const { hasFailed } = disk.current
      const what = `${disk.current.calls.slice(0, when + 1)}`
      disk.current.arm()
      if (!hasFailed) {
        expect([error, listing(folder)]).toEqual([undefined, after])
        break
      }
      failures++
      if (fault === 'killed') await expectRecovery(folder, what)
      else expectWhole(folder, error, fault, what)
    }
    expect(failures).toBeGreaterThan(5)
  })

  /** What is there is what was there before or what shall be, and an error says what else there is. */
  function expectWhole(folder: string, error: Error | undefined, fault: Fault, what: string): void {
    const found = listing(folder)
    if (error === undefined) {
      expect([what, found]).toEqual([what, after])
      return
    }
    if (error.message.includes('left beside')) {
      expectComplete(folder, error)
      return
    }
    const [, left = ''] = error.message.split('left all the same: ')
    const said = Object.keys(found).filter((name) => left.split(', ').includes(join(folder, name)))
    const unsaid = Object.keys(found).filter((name) => !said.includes(name))
    const isBroken = fault === 'for good' && what.endsWith('unlink')
    if (said.length === 0) {
      // Where nothing can be removed, what was never given a name stays, and the next run removes it.
      const named = isBroken ? unsaid.filter((name) => !name.endsWith('.partial')) : unsaid
      expect([what, error.message, pick(found, named)]).toEqual([what, error.message, before])
      return
    }
    const kept = Object.entries(before).filter(([name]) => !said.includes(name))
    expect([what, pick(found, unsaid)]).toEqual([what, Object.fromEntries(kept)])
  }

  function expectComplete(folder: string, error: Error): void {
    const found = listing(folder)
    for (const name of Object.keys(found).filter((each) => each.endsWith('.partial/'))) {
      expect(error.message).toContain(join(folder, name.slice(0, -1)))
      delete found[name]
    }
    expect(found).toEqual(after)
  }

  /** No file is half, and the same act succeeds and leaves nothing else. */
  async function expectRecovery(folder: string, what: string): Promise<void> {
    for (const [name, text] of Object.entries(listing(folder))) {
      if (!name.includes('.partial'))
        expect([what, name, text]).toEqual([what, name, expect.stringMatching(/^(old|new)$/)])
    }
    disown(folder)
    const isDone = Object.keys(after).every((name) => listing(folder)[name] === 'new')
    const again = run(folder)
    if (isDone && Object.keys(before).length === 0) {
      await expect(again).rejects.toMatchObject({ code: 'EXISTS' })
    } else await again
    expect([what, listing(folder)]).toEqual([what, after])
  }
})

/** Files and their content, by path. */
function listing(folder: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) found[path.slice(folder.length + 1)] = readFileSync(path, 'utf8')
    else found[`${path.slice(folder.length + 1)}/`] = ''
  }
  return Object.fromEntries(Object.entries(found).filter(([name]) => name !== 'made/'))
}

function pick(found: Record<string, string>, names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, found[name]]))
}

test('a group that was complete is not taken apart, whatever is missing of it since', async () => {
  const folder = mkdtempSync(join(parent, 'case-'))
  const at = (name: string) => join(folder, name)
  await writeGroup(folder, false)
  // As if killed before the last other name was taken away.
  linkSync(at('roothash'), newPartialPath(at('roothash')))
  disown(folder)
  rmSync(at('p7s'))
  await expect(writeGroup(folder, false)).rejects.toMatchObject({ code: 'EXISTS' })
  expect(listing(folder)).toEqual({ roothash: 'new', raw: 'new' })
})
