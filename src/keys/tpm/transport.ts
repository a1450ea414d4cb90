/** The way to a TPM: one command goes in, one response comes out. */

export interface TpmTransport {
  /** What the user called it, for errors. */
  readonly label: string
  /**
   * Sends one command and returns the whole response. Never called again before it has answered.
   *
   * @throws TpmError IO, BAD_RESPONSE
   */
  transceive(command: Uint8Array): Promise<Uint8Array>
  /** Whether what is left in the TPM leaves with the connection: the kernel has it managed. */
  readonly isManaged?: boolean
  close(): Promise<void>
}
