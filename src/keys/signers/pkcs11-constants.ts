/** Of PKCS#11 2.40 (its header pkcs11t.h), the numbers that are needed to find a key and sign with it. */

export const ObjectClass = { privateKey: 3 } as const
export const KeyType = { rsa: 0, ec: 3 } as const
export const Mechanism = { rsaPkcs: 0x1, ecdsa: 0x1041 } as const
export const UserType = { user: 1, contextSpecific: 2 } as const
export const SESSION_SERIAL = 0x4

export const Attribute = {
  class: 0x0,
  label: 0x3,
  keyType: 0x100,
  id: 0x102,
  sign: 0x108,
  alwaysAuthenticate: 0x202,
} as const

export const TokenFlag = { loginRequired: 0x4, pinLocked: 0x4_0000 } as const
