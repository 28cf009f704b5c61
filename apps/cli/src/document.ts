import { resolve } from 'node:path';
import type { SchemaOutput } from '@quorate/shared/route';
import { parse } from 'yaml';
import type { z } from 'zod';
import { CliError } from './cli-error';
import type { Io } from './io';
import { readInput } from './secrets';

const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** What a file of YAML or JSON holds; `-` is standard input. @throws CliError naming the file and why */
export async function readDocument(io: Io, file: string): Promise<unknown> {
  const text = await readInput(io, file === '-' ? file : resolve(io.cwd, file), MAX_DOCUMENT_BYTES);
  try {
    return parseEither(text);
  } catch (cause) {
    throw new CliError('usage', `${nameOf(file)} is neither YAML nor JSON: ${messageOf(cause)}`);
  }
}

/** For messages. */
export const nameOf = (file: string): string => (file === '-' ? 'standard input' : file);

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** All JSON is YAML, but read as YAML it takes far longer. @throws YAMLParseError */
function parseEither(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return parse(text);
  }
}

/** What the schema makes of it, checked here before anything is sent. @throws CliError naming the fields */
export function checkedBy<S extends z.ZodType>(schema: S, value: unknown, where: string): SchemaOutput<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as SchemaOutput<S>;
  const fields = parsed.error.issues.map(({ path, message }) => ({
    field: path.map(String).join('.') || 'it',
    detail: message,
  }));
  const [first] = fields;
  if (first && fields.length === 1) throw new CliError('usage', `${where}: ${first.field}: ${first.detail}`);
  throw new CliError('usage', `${where}: ${fields.length} values are not valid`, { fields });
}
