import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readReturnedSignatures } from '../../src/policies/read-returned.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('files that came back', () => {
  const folder = temporaryFolder()

  test.each(['{', '  {', '\n\t{'])(
    'a signature that begins with %j is a signature',
    async (text) => {
      const bytes = new Uint8Array(256).fill(0xa7)
      bytes.set(new TextEncoder().encode(text))
      const path = join(folder, 'policy.sig')
      writeFile(path, bytes)
      const returned = await readReturnedSignatures([path])
      expect(returned).toEqual({ documents: [], bare: [{ name: path, signature: bytes }] })
    },
  )

  test('JSON is JSON, also where it is damaged', async () => {
    const whole = join(folder, 'whole.json')
    writeFile(whole, ' {"sha256":[]}')
    const { documents, bare } = await readReturnedSignatures([whole])
    expect([documents.length, bare.length]).toEqual([1, 0])
    const damaged = join(folder, 'damaged.json')
    writeFile(damaged, '{"sha256":[')
    await expect(readReturnedSignatures([damaged])).rejects.toThrow(`${damaged}: `)
  })
})
