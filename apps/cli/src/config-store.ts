import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { CliError } from './cli-error';
import { replaceFile } from './files';
import type { Io } from './io';

const contextSchema = z.strictObject({
  server: z.string(),
  /** Other nodes of the same cluster, learned from its member list; tried when the server does not answer. */
  endpoints: z.array(z.string()).default([]),
  /** PEM the server's certificate is verified against; absent = the system's authorities. */
  ca: z.string().optional(),
  user: z.string().optional(),
  token: z.string().optional(),
  token_expires_at: z.string().optional(),
});
export type Context = z.infer<typeof contextSchema>;

const configSchema = z.strictObject({
  current: z.string().optional(),
  contexts: z.record(z.string(), contextSchema).default({}),
});
export type Config = z.infer<typeof configSchema>;

export const contextName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._:-]*)$/, 'use letters, digits, dot, colon, dash and underscore');

/** `$XDG_CONFIG_HOME/quorate/config.yaml`, by default under `~/.config`. */
export function configPath(io: Io): string {
  return join(io.env['XDG_CONFIG_HOME'] || join(io.home, '.config'), 'quorate', 'config.yaml');
}

/** Reads the contexts; a missing file is an empty configuration. @throws CliError naming the file and the field */
export async function loadConfig(io: Io): Promise<Config> {
  const path = configPath(io);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { contexts: {} };
    throw new CliError('error', `cannot read ${path}: ${code}`);
  }
  const hint = `repair ${path}, or remove it and run quorate login`;
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new CliError('error', `${path} is not valid YAML: ${(cause as Error).message.split('\n')[0]}`, { hint });
  }
  const result = configSchema.safeParse(value ?? {});
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => ({ field: issue.path.join('.') || 'file', detail: issue.message }));
  throw new CliError('error', `${path} is not valid`, { hint, fields });
}

/** Replaces the file in one step, readable by its owner only, since it holds bearer tokens. */
export async function saveConfig(io: Io, config: Config): Promise<void> {
  const path = configPath(io);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    throw new CliError('error', `cannot create ${dirname(path)}: ${cause.code}`);
  });
  await replaceFile(path, stringify(config), 0o600);
}

/** Loads, changes and saves; `change` returns false to leave the file alone. */
export async function updateConfig(io: Io, change: (config: Config) => boolean): Promise<void> {
  const config = await loadConfig(io);
  if (change(config)) await saveConfig(io, config);
}
