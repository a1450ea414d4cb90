/** One call of every command, in an order in which each finds what it needs. */

import { join } from 'node:path'

export interface Call {
  readonly name: string
  readonly args: readonly string[]
}

/**
 * Calls of every command.
 *
 * @param folder Where everything is written; empty at first.
 * @param trees The sysext hello, the confext site, a squashfs file, a UKI with room for signatures,
 *   and an ESP with a UKI.
 */
export function everyCommand(
  folder: string,
  trees: Readonly<Record<'sysext' | 'confext' | 'squashfs' | 'uki' | 'esp', string>>,
): readonly Call[] {
  const keys = join(folder, 'keys')
  const certificate = ['--certificate', join(keys, 'release.crt')]
  const signing = ['--private-key', join(keys, 'release.key'), ...certificate]
  const image = (name: string) => join(folder, `${name}.raw`)
  const sysext = (version: string, compression: string): Call => {
    const naming = ['--version', version, '--output', image(`hello_${version}`)]
    return {
      name: `sysext, compression ${compression}`,
      args: ['sysext', trees.sysext, ...signing, ...naming, '--compression', compression],
    }
  }
  const boot = ['--uki', join(trees.esp, 'EFI/Linux/linux.efi'), '--esp', trees.esp]
  const host = ['--host-secret', join(folder, 'host.secret')]
  const credential = join(folder, 'hello.cred')
  const rekeyed = join(folder, 'rekeyed')
  const manifest = join(trees.sysext, '../batch.jsonl')
  const uki = ['--uki', trees.uki]
  const signatures = join(folder, 'signatures.json')
  const requested = join(folder, 'request.json')
  const returned = join(folder, 'response.json')
  const placed = (name: string) => ['--output', join(folder, `${name}.efi`)]
  return [
    {
      name: 'cred setup',
      args: ['cred', 'setup', '--machine-id', '0123456789abcdef0123456789abcdef', host[1]!],
    },
    {
      name: 'cred encrypt',
      args: ['cred', 'encrypt', ...host, join(trees.sysext, 'usr/bin/hello'), credential],
    },
    { name: 'cred decrypt', args: ['cred', 'decrypt', ...host, credential] },
    { name: 'cred inspect', args: ['cred', 'inspect', credential] },
    {
      name: 'cred batch',
      args: ['cred', 'batch', '--allow-commands', manifest],
    },
    {
      name: 'cred rekey',
      args: [
        'cred',
        'rekey',
        '--old-host-secret',
        host[1]!,
        ...host,
        join(folder, 'batch'),
        rekeyed,
      ],
    },
    { name: 'cred catalog', args: ['cred', 'catalog'] },
    { name: 'keys new', args: ['keys', 'new', '--directory', keys] },
    {
      name: 'keys inspect',
      args: ['keys', 'inspect', join(keys, 'release.key'), join(keys, 'release.crt')],
    },
    sysext('1', 'none'),
    sysext('2', 'lz4'),
    sysext('3', 'zstd'),
    {
      name: 'confext',
      args: ['confext', trees.confext, ...signing, '--sidecars', '--output', image('site')],
    },
    { name: 'wrap', args: ['wrap', trees.squashfs, ...signing, '--output', image('wrapped')] },
    { name: 'verify', args: ['verify', image('hello_1'), image('site'), ...certificate] },
    {
      name: 'trust install',
      args: ['trust', 'install', join(keys, 'release.crt'), '--root', folder],
    },
    { name: 'trust check', args: ['trust', 'check', folder, image('hello_1')] },
    { name: 'rotate', args: ['rotate', join(trees.sysext, '../rotate.json'), '--dry-run'] },
    {
      name: 'trust esl',
      args: ['trust', 'esl', join(keys, 'release.crt'), '--output', join(folder, 'db.esl')],
    },
    {
      name: 'trust auth',
      args: [
        ...['trust', 'auth', 'db', join(keys, 'release.crt'), ...signing],
        ...['--timestamp', '@1', '--output', join(folder, 'db.auth')],
      ],
    },
    {
      name: 'trust enroll',
      args: [
        ...['trust', 'enroll', join(folder, 'auto'), join(keys, 'release.crt'), ...signing],
        ...['--timestamp', '@1'],
      ],
    },
    { name: 'inspect', args: ['inspect', image('hello_2')] },
    { name: 'ls', args: ['ls', image('hello_3')] },
    {
      name: 'unpack',
      args: ['unpack', image('hello_3'), join(folder, 'unpacked'), ...certificate],
    },
    {
      name: 'resign',
      args: ['resign', image('hello_1'), ...signing, '--omit-certificate'],
    },
    {
      name: 'request',
      args: ['request', image('hello_1'), trees.uki, '--root', '/', '--output', requested],
    },
    { name: 'sign', args: ['sign', requested, ...signing, '--output', returned] },
    {
      name: 'attach',
      args: ['attach', returned, '--root', '/', ...certificate, '--dry-run'],
    },
    { name: 'pcr calculate', args: ['pcr', 'calculate', ...uki] },
    {
      name: 'pcr sign',
      args: ['pcr', 'sign', ...uki, ...signing, '--signatures', signatures, ...placed('signed')],
    },
    { name: 'pcr policy-digest', args: ['pcr', 'policy-digest', ...uki, ...certificate] },
    {
      name: 'pcr join',
      args: ['pcr', 'join', signatures, ...uki, ...certificate, ...placed('joined')],
    },
    { name: 'pcr verify', args: ['pcr', 'verify', join(folder, 'joined.efi'), ...certificate] },
    { name: 'pcr predict', args: ['pcr', 'predict', ...boot, '--initrd-version=262'] },
    { name: 'pcr pcrlock', args: ['pcr', 'pcrlock', ...boot, '--output', join(folder, 'pcrlock')] },
    {
      name: 'pcr explain',
      args: [
        'pcr',
        'explain',
        join(trees.esp, '../prediction.json'),
        '--dump',
        join(trees.esp, '../dump'),
      ],
    },
    { name: 'help', args: ['--help'] },
    { name: 'version', args: ['--version'] },
    { name: 'completion', args: ['completion', 'bash'] },
  ]
}
