import { describe, expect, test } from 'vitest'
import { reportError, UsageError, UsageErrors } from '../../src/cli/errors.ts'
import { FormatError, TreeError } from '../../src/errors.ts'
import { fakeContext } from './fake-context.ts'

function report(error: unknown): { code: number; text: string } {
  const context = fakeContext()
  return { code: reportError(error, context.stderr), text: context.written.stderr }
}

const noSpace = Object.assign(new Error('ENOSPC: no space left on device, write'), {
  code: 'ENOSPC',
  syscall: 'write',
})
const missing = Object.assign(new Error("ENOENT: no such file or directory, open 'a'"), {
  code: 'ENOENT',
  syscall: 'open',
  path: 'a',
})
const abort = Object.assign(new Error('aborted'), { name: 'AbortError' })

describe('a failure is printed and gives its exit code:', () => {
  test.each([
    ['a plain fact', new TreeError('EMPTY', 'tree is empty'), 1, 'extsign: error: tree is empty\n'],
    [
      'a fact with a hint',
      new TreeError('EMPTY', 'tree is empty', { hint: 'put files into it' }),
      1,
      'extsign: error: tree is empty\nextsign: hint: put files into it\n',
    ],
    [
      'a format with its place',
      new FormatError('gpt', 'BAD_MAGIC', 'no header', { offset: 512 }),
      1,
      'extsign: error: gpt: no header at byte 512\n',
    ],
    ['misuse', new UsageError('no'), 2, 'extsign: error: no\n'],
    [
      'misuse twice',
      new UsageErrors([new UsageError('a'), new UsageError('b')]),
      2,
      'extsign: error: a\nextsign: error: b\n',
    ],
    ['a full disk', noSpace, 1, 'extsign: error: no space left on device (write)\n'],
    ['a missing file', missing, 1, 'extsign: error: a: no such file or directory (open)\n'],
    ['an interrupt', abort, 130, 'extsign: interrupted, nothing was written\n'],
    [
      'a name that would move the cursor',
      new TreeError('BAD_NAME', '\x1b[2J\u202e\n'),
      1,
      'extsign: error: \\x1b[2J\\u202e\\x0a\n',
    ],
  ])('%s', (_, error, code, text) => {
    expect(report(error)).toEqual({ code, text })
  })

  test('anything else is a bug of ours and keeps its stack trace', () => {
    const { code, text } = report(new TypeError('x is not a function'))
    expect(code).toBe(1)
    expect(text).toMatch(/^extsign: this is a bug in extsign, please report it:\nTypeError: x is/)
    expect(text).toContain('errors.test.ts')
  })

  test('even when it is not an Error', () => {
    expect(report('thrown')).toEqual({
      code: 1,
      text: 'extsign: this is a bug in extsign, please report it:\nthrown\n',
    })
  })
})
