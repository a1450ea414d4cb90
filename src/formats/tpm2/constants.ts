/** Numbers of the TPM 2.0 Library, part 2, as far as they are used here. */

/** TPM_ALG_ID, §6.3. */
export const Algorithm = {
  rsa: 0x0001,
  sha1: 0x0004,
  aes: 0x0006,
  keyedHash: 0x0008,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  null: 0x0010,
  rsassa: 0x0014,
  ecc: 0x0023,
  cfb: 0x0043,
} as const

/** TPM_HANDLE, §7: hierarchies and sessions that are always there, and where the storage key lives. */
export const Handle = {
  owner: 0x40000001,
  null: 0x40000007,
  password: 0x40000009,
  /** TCG TPM v2.0 Provisioning Guidance §7.8: the storage root key. */
  storageRootKey: 0x81000001,
  /** The first of the sessions that are loaded, of either kind, as GetCapability counts them. */
  firstSession: 0x02000000,
  /** The first of the objects that are loaded. */
  firstTransient: 0x80000000,
} as const

/** TPMA_OBJECT, §8.3. */
export const Attribute = {
  fixedTpm: 0x2,
  fixedParent: 0x10,
  sensitiveDataOrigin: 0x20,
  userWithAuth: 0x40,
  noDictionaryAttackProtection: 0x400,
  restricted: 0x10000,
  decrypt: 0x20000,
  sign: 0x40000,
} as const

/** TPMA_SESSION, §8.4. */
export const SessionAttribute = {
  continue: 0x01,
  /** The first parameter of the command is encrypted; the TPM decrypts. */
  decrypt: 0x20,
  /** The first parameter of the response is encrypted. */
  encrypt: 0x40,
  /** The session authorizes nothing: it shows that the answer is the TPM's. */
  audit: 0x80,
} as const
