import { join } from 'node:path';

export const MIGRATIONS_DIR = join(import.meta.dirname, '../../../../drizzle');
