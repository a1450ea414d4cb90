/**
 * Waits for all of `running`, and only then throws the first error among them: nothing goes on
 * behind the caller's back with files or keys that are closed or forgotten then.
 *
 * Used everywhere instead of `Promise.all`, which throws while the others still run.
 */
export async function allOf<T>(running: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(running)
  return Promise.all(running)
}
