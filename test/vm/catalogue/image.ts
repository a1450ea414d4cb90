/** What an image of the catalogue is, and the usual ways to make one. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildExtension } from '../../../src/images/build.ts'
import type {
  BuildOptions,
  ExtensionKind,
  ImageResult,
  Signing,
} from '../../../src/images/options.ts'
import { fileSigner } from '../../../src/keys/file-signer.ts'
import type { KeyName, Keys } from './keys.ts'

/** Everything there is to know about an image before it is made. */
export interface ImageRecipe {
  /** Unique in the catalogue. */
  readonly name: string
  readonly kind: ExtensionKind
  /** What the file is called, from which systemd takes the image's name. */
  readonly fileName: string
  readonly make: (bench: Bench, output: string) => Promise<ImageResult>
  /** Where its tree is, if there is one: what has to be found in the guest. */
  readonly tree: (bench: Bench) => string
}

/** What recipes work with. */
export interface Bench {
  /** Holds the trees, each in a folder called like the image. */
  readonly folder: string
  readonly keys: Keys
}

export const KINDS = ['sysext', 'confext'] as const

export type WriteTree = (tree: string, kind: ExtensionKind, name: string) => void

export interface ExtensionOptions {
  /** Whose signature; `none` leaves the image unsigned. Default `platform-rsa2048`. */
  readonly key?: KeyName | 'none'
  readonly embedCertificate?: boolean
  readonly fileName?: string
  /** What else is asked of {@link buildExtension}. */
  readonly build?: Partial<BuildOptions>
  /** The same, where it depends on the tree that has been written. */
  readonly buildFor?: (tree: string) => Partial<BuildOptions>
}

/** An extension made of the tree that `write` writes. */
export function extension(
  kind: ExtensionKind,
  name: string,
  write: WriteTree,
  options: ExtensionOptions = {},
): ImageRecipe {
  const tree = ({ folder }: Bench) => join(folder, name)
  return {
    name,
    kind,
    fileName: options.fileName ?? `${name}.${kind}.raw`,
    tree,
    make: async (bench, output) => {
      const folder = tree(bench)
      mkdirSync(folder, { recursive: true })
      write(folder, kind, name)
      const signing = await signingWith(bench.keys, options.key, options.embedCertificate)
      const build = { ...options.build, ...options.buildFor?.(folder) }
      // The threads are those of the built command; here the sources run as they are.
      return buildExtension({ kind, tree: folder, name, output, threads: 0, ...signing, ...build })
    },
  }
}

/** The signature of an image, as an option of the functions that make one. */
export async function signingWith(
  keys: Keys,
  key: KeyName | 'none' = 'platform-rsa2048',
  embedCertificate = true,
): Promise<{ readonly signing?: Signing }> {
  if (key === 'none') return {}
  const signer = await fileSigner(keys[key])
  return { signing: { signer, certificate: signer.certificate.der, embedCertificate } }
}

/** The name systemd gives the image. */
export function imageName({ fileName }: ImageRecipe): string {
  return fileName.replace(/(?:\.sysext|\.confext)?\.raw$/, '')
}

/** Those of one kind. */
export function ofKind<Image extends { readonly kind: ExtensionKind }>(
  images: readonly Image[],
  wanted: ExtensionKind,
): readonly Image[] {
  return images.filter(({ kind }) => kind === wanted)
}
