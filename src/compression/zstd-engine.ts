/**
 * The two places zstd comes from: Node's own (22.15 and later) and a WASM package. Each is loaded
 * when first asked for, once for each thread.
 */

import * as zlib from 'node:zlib'

/** What newer versions of node:zlib have and the types of the oldest supported one lack. */
interface NativeZstd {
  zstdCompressSync(bytes: Uint8Array, options: NativeOptions): Uint8Array
  zstdDecompressSync(bytes: Uint8Array, options: NativeOptions): Uint8Array
}

interface NativeOptions {
  readonly params?: Readonly<Record<number, number>>
  /** Bytes of output made at a time. */
  readonly chunkSize?: number
  readonly maxOutputLength?: number
}

type WasmZstd = typeof import('@bokuweb/zstd-wasm')

/** ZSTD_c_compressionLevel of zstd.h. */
export const COMPRESSION_LEVEL = 100

/** node:zlib when it has zstd, in whatever version. */
export function nativeZstd(): NativeZstd | undefined {
  // The types are those of Node 20, which does not have these functions.
  const native = zlib as unknown as Partial<NativeZstd>
  return native.zstdCompressSync && native.zstdDecompressSync ? (native as NativeZstd) : undefined
}

let loading: Promise<WasmZstd> | undefined

/** The WASM package. A second initialisation of it in one thread would corrupt what it returns. */
export function wasmZstd(): Promise<WasmZstd> {
  loading ??= import('@bokuweb/zstd-wasm').then(async (module) => {
    await module.init()
    return module
  })
  return loading
}
