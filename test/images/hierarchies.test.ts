import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildExtension } from '../../src/images/build.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { wrapFilesystem } from '../../src/images/wrap.ts'
import { HIERARCHY_CASES, writeHierarchyCase } from '../support/hierarchy-cases.ts'
import { makeImageOfTree } from '../support/image-of-tree.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

describe.runIf(process.platform !== 'win32')('an image whose opt is', () => {
  test.each(HIERARCHY_CASES)('$name', async (each) => {
    const tree = join(folder, each.name)
    writeHierarchyCase(tree, 'sample', each)
    const output = join(tree, 'sample.raw')
    await makeImageOfTree({ kind: 'sysext', tree, output, name: 'sample' })
    const { findings, readers, verdict } = await verifyImage(output, { kind: 'sysext' })
    const finding = findings.find(({ check }) => check === 'hierarchies')
    const systemd = readers.find(({ reader }) => reader === 'systemd')
    if (each.outcome === 'merged') {
      expect(finding).toMatchObject({ ok: true })
      expect(systemd?.verdict).toBe('accepts')
      return
    }
    expect(finding).toMatchObject({ ok: false, found: each.found })
    expect(verdict).toBe('wrong')
    expect(systemd?.verdict).toBe('refuses')
  })

  test.each(HIERARCHY_CASES)('$name is wrapped where it is merged', async (each) => {
    const tree = join(folder, `${each.name} to be wrapped`)
    writeHierarchyCase(tree, 'sample', each)
    const made = join(tree, 'sample.raw')
    const { partitions } = await makeImageOfTree({
      kind: 'sysext',
      tree,
      output: made,
      name: 'sample',
    })
    const filesystem = join(tree, 'sample.erofs')
    const { offset, size } = partitions[0]!
    writeFileSync(filesystem, readFileSync(made).subarray(offset, offset + size))
    const output = join(tree, 'wrapped.sysext.raw')
    const wrapping = wrapFilesystem({ filesystem, output, threads: 0 })
    if (each.outcome === 'merged') await wrapping
    else await expect(wrapping).rejects.toMatchObject({ code: 'BAD_VALUE' })
    expect(existsSync(output)).toBe(each.outcome === 'merged')
  })

  test.each(HIERARCHY_CASES.filter(({ outcome }) => outcome === 'refused'))(
    '$name is not built',
    async (each) => {
      const tree = join(folder, `${each.name} to be built`)
      writeHierarchyCase(tree, 'sample', each)
      const output = join(folder, 'sample.raw')
      const building = buildExtension({ kind: 'sysext', tree, output, name: 'sample', threads: 0 })
      await expect(building).rejects.toMatchObject({ code: 'WRONG_HIERARCHY' })
    },
  )
})

test.runIf(process.platform !== 'win32')(
  'a chain of more links than systemd 257 follows is unproven, for 262 follows it',
  async () => {
    const tree = join(folder, 'long chain')
    writeHierarchyCase(tree, 'sample', { name: '', make: () => undefined, outcome: 'merged' })
    mkdirSync(join(tree, 'usr/chain'))
    for (let link = 0; link < 40; link++) {
      symlinkSync(`/usr/chain/${link + 1}`, join(tree, `usr/chain/${link}`))
    }
    mkdirSync(join(tree, 'usr/chain/40'))
    symlinkSync('usr/chain/0', join(tree, 'opt'))
    const output = join(tree, 'sample.raw')
    await makeImageOfTree({ kind: 'sysext', tree, output, name: 'sample' })
    const { readers, findings } = await verifyImage(output, { kind: 'sysext' })
    expect(findings.find(({ check }) => check === 'file system')).toMatchObject({ unproven: true })
    expect(readers.find(({ reader }) => reader === 'systemd')).toMatchObject({
      verdict: 'unproven',
      reason: expect.stringContaining('opt leads through 41 symbolic links'),
    })
  },
)
