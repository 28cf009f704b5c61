/** A host-local command cannot do what it was asked. `message` is ready to print and names the cure. */
export class HostError extends Error {
  override readonly name: string = 'HostError';
}

/** The call itself is wrong: exit code 2. */
export class UsageError extends HostError {
  override readonly name = 'UsageError';
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The system's error code (`ENOENT`), or ''. */
export const codeOf = (error: unknown): string => {
  const code: unknown = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
};
