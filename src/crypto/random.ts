import { randomFillSync } from 'node:crypto'

/**
 * Random bytes, handed down by whoever has them: a test hands down others. Each call gives an array
 * of its own, which whoever asked may overwrite.
 */
export type Random = (size: number) => Uint8Array

/** The random numbers of OpenSSL inside Node, fit for keys. */
export const randomBytes: Random = (size) => randomFillSync(new Uint8Array(size))
