/** A file at a target, as it comes. */
export interface StoredFile {
  readonly stream: ReadableStream<Uint8Array>;
  readonly bytes: number;
}

/** Where files of backups are kept. Each error is a DomainError whose detail says what to mend. */
export interface Storage {
  /** Takes the file at `from` as `name`; all of it or nothing. */
  put(name: string, from: string, onProgress: (percent: number) => Promise<void>): Promise<void>;
  /** @throws DomainError backup_unavailable */
  get(name: string): Promise<StoredFile>;
  /** Deletes the file, and what a `put` that was cut short has left of it; it may be gone already. */
  remove(name: string): Promise<void>;
  /** Gives up what was begun under these names and never completed: a bucket charges for parts that nobody sees. */
  sweep(names: ReadonlySet<string>): Promise<void>;
}
