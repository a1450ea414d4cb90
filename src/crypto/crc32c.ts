const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

/**
 * CRC-32C register (Castagnoli, reflected) after `bytes`, with **no final inversion**: the form
 * of EROFS. Invert the result for the usual check value.
 */
export function crc32cRegister(bytes: Uint8Array, initial = 0xffffffff): number {
  let register = initial
  for (const byte of bytes) register = (register >>> 8) ^ TABLE[(register ^ byte) & 0xff]!
  return register >>> 0
}
