/** A secret that is delivered is delivered whole, to however slow a reader, or the exit code says so. */

import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { run } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const folder = temporaryFolder()
const DECRYPT = [EXTSIGN, 'cred', 'decrypt', '--name=', '--allow-null']
const CLOSED = 'extsign: error: standard output was closed before all of the secret was taken\n'

/** The path of a credential with these bytes in it. */
function seal(name: string, secret: Uint8Array): string {
  writeFileSync(join(folder, name), secret)
  const path = join(folder, `${name}.cred`)
  extsign(['cred', 'encrypt', '--with-key=null', '--force', join(folder, name), path])
  return path
}

/** Runs a line of sh in which `$decrypt` opens the credential. */
function shell(line: string, credential: string) {
  const words = [process.execPath, ...DECRYPT, credential].map((word) => `'${word}'`).join(' ')
  return run('bash', ['-c', `decrypt() { ${words} "$@"; }; ${line}`], { cwd: folder })
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test.each([1, 4096, 65_536, 65_537, 200_000, 1_048_576])(
  'a slow reader of a pipe gets all of %i bytes',
  (size) => {
    const secret = randomBytes(size)
    const line = 'decrypt | (sleep 0.3; sha256sum); echo "$PIPESTATUS"'
    const { stdout } = shell(line, seal('pipe', secret))
    expect(stdout).toBe(`${digest(secret)}  -\n0\n`)
  },
)

test('a socket that is read in bits gets all of it', async () => {
  const secret = randomBytes(700_000)
  // The pipes of Node are sockets.
  const child = spawn(process.execPath, [...DECRYPT, seal('socket', secret)])
  const got: Uint8Array[] = []
  child.stdout.pause()
  await setTimeout(500)
  for await (const chunk of child.stdout.iterator()) {
    got.push(chunk)
    await setTimeout(5)
  }
  expect(digest(Buffer.concat(got))).toBe(digest(secret))
})

test('a pipe that is small and read byte by byte gets all of it', () => {
  const secret = randomBytes(9000)
  const line = 'decrypt --transcode=base64 | dd bs=1 status=none | base64 -d | sha256sum'
  expect(shell(line, seal('bytes', secret)).stdout).toBe(`${digest(secret)}  -\n`)
})

test('JSON with a secret in it is read as slowly', () => {
  const secret = randomBytes(300_000)
  const { stdout } = shell('decrypt --json | (sleep 0.3; cat)', seal('json', secret))
  expect(JSON.parse(stdout).secret).toBe(secret.toString('base64'))
})

test.runIf(available('script'))('a terminal gets all of it', () => {
  const secret = Buffer.from(`${'0123456789abcdef'.repeat(4)}\n`.repeat(2000))
  const words = [process.execPath, ...DECRYPT, seal('terminal', secret)].join(' ')
  const { status, stdout } = run(tool('script'), ['-qec', words, '/dev/null'])
  expect(status).toBe(0)
  expect(stdout.replaceAll('\r', '')).toBe(secret.toString())
})

describe('a secret that does not arrive whole ends with 1', () => {
  const credential = () => seal('lost', randomBytes(500_000))

  test('when the reader of a pipe goes away', () => {
    const line = 'decrypt | head -c 10 >/dev/null; echo "$PIPESTATUS"'
    expect(shell(line, credential())).toMatchObject({ stdout: '1\n', stderr: CLOSED })
  })

  test('when a socket is closed', async () => {
    const child = spawn(process.execPath, [...DECRYPT, credential()])
    child.stdout.once('data', () => child.stdout.destroy())
    const said = text(child.stderr)
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect([code, await said]).toEqual([1, CLOSED])
  })

  test.each([
    ['/dev/full', 'decrypt >/dev/full', /ENOSPC/],
    ['a file as large as a file may be', 'ulimit -f 100; decrypt >limited', /EFBIG/],
  ])('on %s', (_, line, said) => {
    const { status, stderr } = shell(line, credential())
    expect([status, stderr]).toEqual([1, expect.stringMatching(said)])
  })

  test.runIf(available('root', 'mount'))('on a disk that takes a part of it', () => {
    mkdirSync(join(folder, 'small'), { recursive: true })
    const mounted = 'mount -t tmpfs -o size=64k tmpfs small; trap "umount small" EXIT'
    const { status, stderr } = shell(`${mounted}; decrypt >small/out`, credential())
    expect([status, stderr]).toEqual([1, expect.stringMatching(/ENOSPC/)])
  })
})

test('a file gets all of it, at standard output and as OUT', () => {
  const secret = randomBytes(900_000)
  const path = seal('file', secret)
  expect(shell('decrypt >redirected', path).status).toBe(0)
  extsign(['cred', 'decrypt', '--name=', '--allow-null', path, join(folder, 'out')])
  for (const name of ['redirected', 'out']) {
    expect(digest(readFileSync(join(folder, name)))).toBe(digest(secret))
  }
})

/** Runs `words` with a socket that keeps messages apart as `descriptor`; prints what the peer reads, and the exit code. */
const SOCKET = `use Socket;
  my ($descriptor, $kind, $text, @words) = @ARGV;
  socketpair(my $ours, my $theirs, AF_UNIX, $kind eq 'seqpacket' ? SOCK_SEQPACKET : SOCK_DGRAM, 0) or die;
  my $child = fork // die;
  if (!$child) {
    close $ours;
    POSIX::dup2(fileno $theirs, $descriptor);
    exec @words;
  }
  close $theirs;
  syswrite $ours, $text if $text;
  close $ours if $text;
  waitpid $child, 0;
  my $code = $? >> 8;
  my $got = '';
  recv $ours, $got, 1 << 20, MSG_DONTWAIT if !$text;
  print "$got $code\n";
`

describe.runIf(available('perl')).each(['seqpacket', 'dgram'])('a %s socket', (kind) => {
  const connect = (descriptor: number, text: string, ...words: readonly string[]) => {
    const script = ['-MPOSIX', '-e', SOCKET, `${descriptor}`, kind, text]
    return run(tool('perl'), [...script, process.execPath, ...words])
  }

  test('at standard output gets the secret, or the exit code says that it does not', () => {
    const small = seal('message', Buffer.from('secret'))
    expect(connect(1, '', ...DECRYPT, small).stdout).toBe('secret 0\n')
    const { stdout, stderr } = connect(1, '', ...DECRYPT, seal('messages', randomBytes(500_000)))
    expect([stdout, stderr]).toEqual([' 1\n', expect.stringContaining('EMSGSIZE')])
  })

  test('at standard input is not taken for an empty secret', () => {
    const words = [EXTSIGN, 'cred', 'encrypt', '--with-key=null', '--name=', '-', '-']
    const { stdout, stderr } = connect(0, 'secret', ...words)
    expect([stdout, stderr]).toEqual([' 1\n', expect.stringContaining('no file, pipe or stream')])
  })
})

/** Runs `words` with a connection at standard input that sends 1000 bytes and breaks off; prints the exit code. */
const BROKEN = `use Socket;
  socket my $listener, PF_INET, SOCK_STREAM, 0 or die;
  bind $listener, sockaddr_in(0, INADDR_LOOPBACK) or die;
  listen $listener, 1 or die;
  socket my $ours, PF_INET, SOCK_STREAM, 0 or die;
  connect $ours, getsockname $listener or die;
  accept my $peer, $listener or die;
  my $child = fork // die;
  if (!$child) {
    close $peer;
    POSIX::dup2(fileno $ours, 0);
    exec @ARGV;
  }
  close $ours;
  syswrite $peer, 'x' x 1000;
  select undef, undef, undef, 0.2;
  setsockopt $peer, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
  close $peer;
  waitpid $child, 0;
  print $? >> 8;
`

describe('what is not all of a secret is not sealed', () => {
  const words = ['cred', 'encrypt', '--with-key=null', '--name=', '-', join(folder, 'part')]
  const absent = () => expect(existsSync(join(folder, 'part'))).toBe(false)

  test.runIf(available('perl'))('when a connection at standard input breaks off', () => {
    const child = [process.execPath, EXTSIGN, ...words]
    const { stdout, stderr } = run(tool('perl'), ['-MPOSIX', '-e', BROKEN, ...child])
    expect([stdout, stderr]).toEqual(['1', expect.stringMatching(/broke off|ECONNRESET/)])
    absent()
  })

  test('when standard input is closed', () => {
    const line = `'${process.execPath}' '${EXTSIGN}' "$@" <&-`
    const { status, stderr } = run('bash', ['-c', line, 'bash', ...words])
    expect([status, stderr]).toEqual([1, 'extsign: error: standard input is closed\n'])
    absent()
  })
})

test('a folder at standard input is not taken for an empty secret', () => {
  const line = `'${process.execPath}' '${EXTSIGN}' cred encrypt --with-key=null --name= - sealed <.`
  const { status, stderr } = run('bash', ['-c', line], { cwd: folder })
  expect([status, stderr]).toEqual([1, expect.stringContaining('no file, pipe or stream')])
  expect(existsSync(join(folder, 'sealed'))).toBe(false)
})
