import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  IDENTITY_PATTERN,
  ownIdentity,
  processIdOf,
  stateOfProcess,
} from '../../src/files/process-identity.ts'

const [table, boot, , , start] = ownIdentity().split('-')
const identity = (parts: {
  table?: string
  boot?: string
  host?: string
  pid?: number
  start?: string
}) =>
  [
    parts.table ?? table,
    parts.boot ?? boot,
    parts.host ?? '00000000',
    parts.pid ?? process.pid,
    parts.start ?? start,
  ].join('-')

test('this process is alive, and its identity is what the pattern says', () => {
  expect(ownIdentity()).toMatch(new RegExp(`^${IDENTITY_PATTERN}$`))
  expect(ownIdentity().length).toBeLessThanOrEqual(51)
  expect(processIdOf(ownIdentity())).toBe(process.pid)
  expect(stateOfProcess(ownIdentity())).toBe('alive')
})

test.runIf(process.platform === 'linux')('the start is what the kernel says', () => {
  const text = readFileSync('/proc/self/stat', 'latin1')
  expect(text.slice(text.lastIndexOf(')')).split(' ')[20]).toBe(start)
})

describe('a process', () => {
  test('that has ended is gone', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    const { pid } = child
    expect(stateOfProcess(identity({ pid: pid!, start: '0' }))).toBe('alive')
    await once(child, 'exit')
    expect(stateOfProcess(identity({ pid: pid!, start: '0' }))).toBe('gone')
  })

  test.runIf(process.platform === 'linux')('whose id another one has now is gone', () => {
    expect(stateOfProcess(identity({ start: String(Number(start) + 1) }))).toBe('gone')
    expect(stateOfProcess(identity({ start: '0' }))).toBe('alive')
  })

  test('that belongs to another user is alive', () => {
    expect(stateOfProcess(identity({ pid: 1, start: '0' }))).toBe('alive')
  })

  test('of another container or another host cannot be seen', () => {
    expect(stateOfProcess(identity({ table: 'ffffffff', pid: 2_000_000_000 }))).toBe('unknown')
    expect(stateOfProcess(identity({ boot: 'ffffffff', pid: 2_000_000_000 }))).toBe('unknown')
    expect(stateOfProcess(identity({ boot: 'ffffffff', host: 'ffffffff' }))).toBe('unknown')
  })

  test.each(['', 'x', '1', '0-0-0-0-0', `${'0'.repeat(8)}-1-1-1-1`, `${ownIdentity()}-`])(
    'is not named by %j',
    (text) => {
      expect(stateOfProcess(text)).toBe('unknown')
      expect(processIdOf(text)).toBeUndefined()
    },
  )
})
