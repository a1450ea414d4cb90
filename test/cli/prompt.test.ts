import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { askPassphrase } from '../../src/cli/prompt.ts'

class FakeTerminal extends EventEmitter {
  raw = false
  setRawMode(raw: boolean): void {
    this.raw = raw
  }
  resume(): void {}
  pause(): void {}
}

async function type(...chunks: string[]) {
  const terminal = new FakeTerminal()
  let shown = ''
  const answer = askPassphrase('Passphrase: ', terminal, (text) => {
    shown += text
  })
  const rawMeanwhile = terminal.raw
  for (const chunk of chunks) terminal.emit('data', Buffer.from(chunk))
  const bytes = await answer
  return { text: Buffer.from(bytes).toString(), shown, rawMeanwhile, rawAfter: terminal.raw }
}

describe('a passphrase', () => {
  test.each([
    ['is what is typed up to Enter', ['abc\r'], 'abc'],
    ['may come in pieces', ['a', 'b', 'c', '\n'], 'abc'],
    ['may be corrected', ['abx\x7fc\b\x7f\r'], 'a'],
    ['may be corrected by characters', ['aé日\x7f\x7f\r'], 'a'],
    ['may be corrected too often', ['a\x7f\x7f\x7fb\r'], 'b'],
    ['may be started anew', ['abc\x15xyz\r'], 'xyz'],
    ['holds no control characters', ['a\x1b\x00b\r'], 'ab'],
    ['ends with Ctrl-D too', ['abc\x04'], 'abc'],
    ['may be empty', ['\r'], ''],
  ])('%s', async (_, chunks, text) => {
    const outcome = await type(...chunks)
    expect(outcome).toEqual({ text, shown: 'Passphrase: \n', rawMeanwhile: true, rawAfter: false })
  })

  test('is not waited for after Ctrl-C', async () => {
    await expect(type('ab\x03')).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('is not what was typed when the terminal was closed', async () => {
    const terminal = new FakeTerminal()
    const answer = askPassphrase('Passphrase: ', terminal, () => {})
    terminal.emit('data', Buffer.from('ab'))
    terminal.emit('end')
    await expect(answer).rejects.toThrow('the terminal was closed at the prompt')
    expect([terminal.raw, terminal.eventNames()]).toEqual([false, []])
  })
})
