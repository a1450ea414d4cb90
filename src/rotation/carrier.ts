/** Something that carries a key: a signed image, signed policies, a credential, a trust directory. */

/** Which keys it carries, told from its content and from nothing that a run has left behind. */
export type KeyState = 'old' | 'both' | 'new' | 'neither'

export type CarrierKind = 'trust' | 'policies' | 'image' | 'credential'

export interface Examined {
  /** Undefined where what was not to be asked would have to tell it. */
  readonly state: KeyState | undefined
  /** What is worth knowing beside it, or why it is neither or cannot be told. */
  readonly note?: string | undefined
  /** What of the old key stays in it, whatever a rotation does. */
  readonly remains?: string | undefined
  /** What stays as it was where the file is changed. */
  readonly left?: string | undefined
}

export interface Carrier {
  readonly kind: CarrierKind
  readonly path: string
  /** Whether old and new can be in it side by side. */
  readonly holdsBoth: boolean
  /** @throws ExtsignError where that cannot be told. */
  examine(): Promise<Examined>
  /**
   * Has it carry the new key, with the old one beside it where it is to be `both`. What takes its
   * place appears whole, and is verified before.
   *
   * @param signal ends it where that takes long and nothing is written yet: its reason is thrown
   */
  move(to: 'both' | 'new', signal?: AbortSignal): Promise<void>
  /** Where nothing is to be moved: removes what a killed run has left beside it. @throws ExtsignError */
  tidy(): Promise<void>
}
