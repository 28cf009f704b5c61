import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Logs, stamps and locks of the scripts; safe to delete. */
export const CACHE = join(ROOT, '.cache');

export const fromRoot = (...parts) => join(ROOT, ...parts);
export const bin = (name) => join(ROOT, 'node_modules', '.bin', name);
