import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { runScript } from '../support/scripts.ts'
import { temporaryFolder } from '../support/temporary.ts'

const scripts = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt'))

describe.each(scripts)('%s', (name) => {
  const folder = temporaryFolder()
  test('goes as written', () => {
    runScript(join(import.meta.dirname, name), folder)
  })
})
