import type { Exit } from './exit-codes';

export interface FieldLine {
  readonly field: string;
  readonly detail: string;
}

interface Details {
  /** What to do about it, one sentence. */
  hint?: string;
  fields?: readonly FieldLine[];
}

/** A failure found by the client itself: prints as `error:` + field lines + `hint:` and ends with `exit`. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly hint: string | undefined;
  readonly fields: readonly FieldLine[];
  constructor(
    readonly exit: Exit,
    message: string,
    details: Details = {},
  ) {
    super(message);
    this.hint = details.hint;
    this.fields = details.fields ?? [];
  }
}
