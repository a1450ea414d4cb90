/**
 * All commands by name. Summaries stand here so that the help of `extsign` needs no command's
 * module; a command and what it imports is loaded when it is called.
 */

import type { Command } from './command.ts'

export interface CommandEntry {
  readonly name: string
  /** One sentence, lower case, no full stop. */
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** Words that stand before others: `extsign keys new`. */
export interface GroupEntry {
  readonly name: string
  readonly summary: string
  readonly entries: readonly CommandEntry[]
}

export type Entry = CommandEntry | GroupEntry

export const registry: readonly Entry[] = [
  {
    name: 'sysext',
    summary: 'build a signed system extension from a folder with usr/ or opt/',
    load: async () => (await import('./commands/sysext.ts')).sysext,
  },
  {
    name: 'confext',
    summary: 'build a signed configuration extension from a folder with etc/',
    load: async () => (await import('./commands/confext.ts')).confext,
  },
  {
    name: 'wrap',
    summary: 'turn an existing EROFS or squashfs file into a signed image',
    load: async () => (await import('./commands/wrap.ts')).wrap,
  },
  {
    name: 'request',
    summary: 'write down what has to be signed elsewhere',
    load: async () => (await import('./commands/request.ts')).request,
  },
  {
    name: 'sign',
    summary: 'sign what was written down, where the key is',
    load: async () => (await import('./commands/sign.ts')).sign,
  },
  {
    name: 'attach',
    summary: 'put signatures that were made elsewhere into their files',
    load: async () => (await import('./commands/attach.ts')).attach,
  },
  {
    name: 'resign',
    summary: 'replace the signature of finished images, and nothing else in them',
    load: async () => (await import('./commands/resign.ts')).resign,
  },
  {
    name: 'verify',
    summary: 'check images: structure, hashes, signature, and whether a host takes them',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    name: 'inspect',
    summary: 'show everything inside an image',
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  {
    name: 'ls',
    summary: 'list the files in an image',
    load: async () => (await import('./commands/ls.ts')).ls,
  },
  {
    name: 'unpack',
    summary: 'write the files of an image into a folder',
    load: async () => (await import('./commands/unpack.ts')).unpack,
  },
  {
    name: 'keys',
    summary: 'make and examine signing keys',
    entries: [
      {
        name: 'new',
        summary: 'make a private key and its certificate',
        load: async () => (await import('./commands/keys-new.ts')).keysNew,
      },
      {
        name: 'inspect',
        summary: 'say what a key or certificate is and who accepts it',
        load: async () => (await import('./commands/keys-inspect.ts')).keysInspect,
      },
    ],
  },
  {
    name: 'agent',
    summary: 'hold a private key and sign for other processes over a socket',
    load: async () => (await import('./commands/agent.ts')).agent,
  },
  {
    name: 'cred',
    summary: 'seal secrets for machines, and open them',
    entries: [
      {
        name: 'encrypt',
        summary: 'seal a secret into a credential that one machine can open',
        load: async () => (await import('./commands/cred-encrypt.ts')).credEncrypt,
      },
      {
        name: 'decrypt',
        summary: 'open an encrypted credential',
        load: async () => (await import('./commands/cred-decrypt.ts')).credDecrypt,
      },
      {
        name: 'inspect',
        summary: 'show what a credential is sealed to, without any key',
        load: async () => (await import('./commands/cred-inspect.ts')).credInspect,
      },
      {
        name: 'batch',
        summary: 'seal many secrets for many machines',
        load: async () => (await import('./commands/cred-batch.ts')).credBatch,
      },
      {
        name: 'rekey',
        summary: 'seal a folder of credentials anew, for other keys',
        load: async () => (await import('./commands/cred-rekey.ts')).credRekey,
      },
      {
        name: 'setup',
        summary: 'make the host secret of a machine',
        load: async () => (await import('./commands/cred-setup.ts')).credSetup,
      },
      {
        name: 'catalog',
        summary: 'list the credentials that systemd looks for',
        load: async () => (await import('./commands/cred-catalog.ts')).credCatalog,
      },
    ],
  },
  {
    name: 'pcr',
    summary: 'compute, sign and check what a boot measures',
    entries: [
      {
        name: 'calculate',
        summary: 'compute PCR 11 of a unified kernel image in each phase of the boot',
        load: async () => (await import('./commands/pcr-calculate.ts')).pcrCalculate,
      },
      {
        name: 'sign',
        summary: 'sign the states of PCR 11 in which secrets may be opened',
        load: async () => (await import('./commands/pcr-sign.ts')).pcrSign,
      },
      {
        name: 'policy-digest',
        summary: 'print what a key that is elsewhere has to sign',
        load: async () => (await import('./commands/pcr-policy-digest.ts')).pcrPolicyDigest,
      },
      {
        name: 'join',
        summary: 'put signatures where they belong that were made elsewhere',
        load: async () => (await import('./commands/pcr-join.ts')).pcrJoin,
      },
      {
        name: 'verify',
        summary: 'check signed PCR policies against the image they are for',
        load: async () => (await import('./commands/pcr-verify.ts')).pcrVerify,
      },
      {
        name: 'predict',
        summary: 'predict PCRs 11, 12 and 13 of a boot, and list what is measured',
        load: async () => (await import('./commands/pcr-predict.ts')).pcrPredict,
      },
      {
        name: 'explain',
        summary: 'say why a machine is not in the state that was wanted',
        load: async () => (await import('./commands/pcr-explain.ts')).pcrExplain,
      },
      {
        name: 'pcrlock',
        summary: 'write components for systemd-pcrlock: a UKI and the files beside it',
        load: async () => (await import('./commands/pcr-pcrlock.ts')).pcrPcrlock,
      },
    ],
  },
  {
    name: 'trust',
    summary: 'install and check what machines trust',
    entries: [
      {
        name: 'install',
        summary: 'put certificates where systemd looks for them',
        load: async () => (await import('./commands/trust-install.ts')).trustInstall,
      },
      {
        name: 'check',
        summary: 'find certificates that are ignored, and images that they do not fit',
        load: async () => (await import('./commands/trust-check.ts')).trustCheck,
      },
      {
        name: 'esl',
        summary: 'write certificates and digests as UEFI signature lists',
        load: async () => (await import('./commands/trust-esl.ts')).trustEsl,
      },
      {
        name: 'auth',
        summary: 'sign a change of PK, KEK, db or dbx',
        load: async () => (await import('./commands/trust-auth.ts')).trustAuth,
      },
      {
        name: 'enroll',
        summary: 'make PK, KEK and db for firmware in setup mode',
        load: async () => (await import('./commands/trust-enroll.ts')).trustEnroll,
      },
    ],
  },
  {
    name: 'rotate',
    summary: 'move images, PCR policies and credentials from old keys to new ones',
    load: async () => (await import('./commands/rotate.ts')).rotate,
  },
  {
    name: 'completion',
    summary: 'print a completion script for bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
]

/** Every command with the words that call it, groups resolved, in the order of the help. */
export function allCommands(): readonly { readonly path: string; readonly entry: CommandEntry }[] {
  return registry.flatMap((entry) =>
    'entries' in entry
      ? entry.entries.map((inner) => ({ path: `${entry.name} ${inner.name}`, entry: inner }))
      : [{ path: entry.name, entry }],
  )
}
