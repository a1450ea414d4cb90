import { describe, expect, test } from 'vitest'
import { findCatalogEntry, findWarnings, searchCatalog } from '../../src/credentials/catalog.ts'
import { CATALOG } from '../../src/credentials/catalog-entries.ts'
import { type ContentKind, findContentProblem } from '../../src/credentials/content.ts'
import { matchesGlob } from '../../src/credentials/glob.ts'
import { findNameProblem } from '../../src/formats/credential/name.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test.each([
  ['*', '', true],
  ['a*', 'a', true],
  ['a*c', 'abc', true],
  ['a*c', 'abcb', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['*.link.*', 'a.link.b', true],
  ['a*b*c', 'aXbXbXc', true],
  ['', 'a', false],
  ['a.c', 'abc', false],
  ['[a]', '[a]', true],
])('the pattern %j over %j: %s', (pattern, name, expected) => {
  expect(matchesGlob(pattern, name)).toBe(expected)
})

test('a pattern of many stars is judged at once', () => {
  expect(matchesGlob('*a'.repeat(100), 'a'.repeat(99))).toBe(false)
})

describe('the catalog', () => {
  test('has names that can be names, each once', () => {
    const names = CATALOG.map(({ name }) => name)
    expect(names.filter((name) => findNameProblem(name) !== undefined)).toEqual([])
    expect(names.filter((name) => /[{},]/.test(name))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThan(80)
  })

  test.each([
    ['firstboot.locale', 'firstboot.locale'],
    ['passwd.hashed-password.root', 'passwd.hashed-password.root'],
    ['passwd.hashed-password.lea', 'passwd.hashed-password.*'],
    ['network.wireguard.10-site', 'network.wireguard.*'],
    ['tty.serial.ttyS0.agetty.autologin', 'tty.serial.*.agetty.*'],
    ['eth0.link.wol.password', '*.link.wol.password'],
    ['userdb.transient.user.lea', 'userdb.transient.user.*'],
    ['db-password', undefined],
  ])('knows %s as %s', (name, entry) => {
    expect(findCatalogEntry(name)?.name).toBe(entry)
  })

  test('is searched by pattern and by name', () => {
    const names = (pattern: string) => searchCatalog(pattern).map(({ name }) => name)
    expect(names('ssh.*')).toEqual([
      'ssh.authorized_keys.root',
      'ssh.listen',
      'ssh.ephemeral-authorized_keys-all',
    ])
    expect(names('network.wireguard.site')).toEqual(['network.wireguard.*'])
    expect(names('*')).toHaveLength(CATALOG.length)
    expect(names('nothing')).toEqual([])
  })
})

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS'

test.each<[ContentKind, string, string | undefined]>([
  ['secret', '\0\xff', undefined],
  ['secret', '', 'it is empty'],
  ['text', 'a\nb\n', undefined],
  ['text', 'a\0b', 'it has a NUL byte'],
  ['line', 'a b\n', undefined],
  ['line', 'a\nb', 'it has several lines, and one is expected'],
  ['word', 'de-latin1\n', undefined],
  ['word', 'de latin1', 'it has blanks, and one word is expected'],
  ['path', '/bin/bash', undefined],
  ['path', 'bash', 'it is no absolute path'],
  ['locale', 'de_DE.UTF-8', undefined],
  ['locale', 'C.UTF-8\n', undefined],
  ['locale', 'sr_RS@latin', undefined],
  ['locale', 'German', 'it is no locale like de_DE.UTF-8'],
  ['timezone', 'Europe/Berlin', undefined],
  ['timezone', 'Etc/GMT+3', undefined],
  ['timezone', 'UTC', undefined],
  ['timezone', '/usr/share/zoneinfo/UTC', 'it is no time zone like Europe/Berlin'],
  ['timezone', '../x', 'it is no time zone like Europe/Berlin'],
  ['hostname', 'web1.example.com', undefined],
  ['hostname', 'web_1', 'it is no host name'],
  ['hostname', 'a'.repeat(65), 'it has more than 64 characters'],
  ['machine-id', '0123456789abcdef0123456789abcdef\n', undefined],
  ['machine-id', 'uninitialized', 'it is no machine ID'],
  ['crypt', '$y$j9T$abc$def', undefined],
  ['crypt', '$6$rounds=5000$salt$hash', undefined],
  ['crypt', '!$6$salt$hash', undefined],
  ['crypt', 'hunter2', 'it is no password as crypt(5) stores it'],
  ['ssh-keys', `# mine\n${KEY} lea@example\n\nno-pty ${KEY}\n`, undefined],
  ['ssh-keys', '', 'it is empty'],
  ['ssh-keys', '# none\n', 'it holds no key'],
  ['ssh-keys', `${KEY}\nssh-ed25519 hello\n`, 'line 2 is no SSH public key'],
  ['ssh-keys', '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n', 'it holds a private key'],
  ['wireguard', 'aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gdzE=', undefined],
  ['wireguard', 'aGVsbG8=', 'it is no key of 32 bytes in base64'],
  ['socket', 'vsock:2:1234', undefined],
  ['socket', 'vsock-stream:2:1234', undefined],
  ['socket', '/run/x', undefined],
  ['socket', '2:1234', 'it is neither vsock:CID:PORT nor the path of a socket'],
  ['wol', '00:11:22:33:44:aF', undefined],
  ['wol', '00-11-22-33-44-55', 'it is no 00:11:22:33:44:55'],
  ['json', '{"userName":"lea"}', undefined],
  ['json', '[]', 'it is no JSON object'],
  ['json', '{', 'it is not JSON'],
  ['pem', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', undefined],
  ['pem', 'ssh-ed25519 AAAA', 'it is no PEM'],
])('for a %s, %j: %s', (kind, content, problem) => {
  expect(findContentProblem(kind, bytes(content))).toBe(problem)
})

test('a text that is not UTF-8 is objected to', () => {
  expect(findContentProblem('text', Uint8Array.of(0xff))).toBe('it is not UTF-8 text')
})

describe('warnings', () => {
  test('name the credential and its reader, and never the secret', () => {
    const found = findWarnings('firstboot.locale', bytes('hunter2 hunter2'))
    expect(found).toEqual([
      "systemd-firstboot cannot use 'firstboot.locale': it is no locale like de_DE.UTF-8",
    ])
  })

  test('are there for unknown names in the name spaces of systemd', () => {
    expect(findWarnings('firstboot.lokale', bytes('x'))).toEqual([
      "no program known to us reads 'firstboot.lokale', although systemd has credentials 'firstboot.…'",
    ])
  })

  test('are there where the target is too old', () => {
    expect(findWarnings('system.hostname', bytes('web1'), 253)).toEqual([
      "'system.hostname' is read since systemd 254, and not by systemd 253",
    ])
  })

  test.each([
    ['db-password', 'hunter2'],
    ['app.token', 'x'],
    ['firstboot.locale', 'C.UTF-8'],
    [undefined, 'x'],
  ])('are not there for %s', (name, content) => {
    expect(findWarnings(name, bytes(content), 262)).toEqual([])
  })
})
