import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildExtension } from '../../src/images/build.ts'
import { verifyImage } from '../../src/images/verify.ts'
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
