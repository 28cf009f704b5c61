import { nearest } from '@quorate/shared/nearest';
import { CliError } from './cli-error';
import { type Config, type Context, loadConfig } from './config-store';
import type { Globals } from './globals';
import type { Io } from './io';
import { readInput, readSecret } from './secrets';
import { findSocket } from './socket-path';
import type { Target } from './transport';

const MAX_CA_BYTES = 1024 * 1024;

export interface Resolved {
  readonly target: Target;
  /** Bearer token; undefined over the socket or before login. */
  readonly token: string | undefined;
  /** Name of the context in use, if any. */
  readonly contextName: string | undefined;
}

/** `https://host[:port]` without a trailing slash; a bare host:port is http on loopback, https elsewhere. */
export function normalizeServer(text: string): string {
  const loopback = /^(localhost|127\.|\[::1\])/.test(text);
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${loopback ? 'http' : 'https'}://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  const whole = url && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '';
  if (!whole || url.search || url.hash || url.username || url.password) {
    throw new CliError('usage', `'${text}' is not a server address; write https://host:port`);
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}

/** Reads a PEM file. @throws CliError when it cannot be read or holds no certificate */
export async function readCa(io: Io, path: string): Promise<string> {
  const pem = await readInput(io, path, MAX_CA_BYTES);
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CliError('usage', `--ca ${path} holds no PEM certificate`);
  }
  return pem;
}

/** The named context. @throws CliError that suggests the nearest name */
export function contextOf(config: Config, name: string): Context {
  const context = Object.hasOwn(config.contexts, name) ? config.contexts[name] : undefined;
  if (context) return context;
  const suggestion = nearest(name, Object.keys(config.contexts));
  throw new CliError('usage', `there is no context '${name}'`, {
    hint: suggestion ? `did you mean ${suggestion}?` : 'list them with: quorate context list',
  });
}

async function explicitToken(io: Io, globals: Globals, warn: (line: string) => void): Promise<string | undefined> {
  const file = globals.tokenFile ?? io.env['QUORATE_TOKEN_FILE'];
  if (file === undefined && globals.token === undefined) return io.env['QUORATE_TOKEN'] || undefined;
  return readSecret(io, warn, {
    what: 'API token',
    file: globals.token === undefined ? file : undefined,
    fileOption: '--token-file',
    inline: globals.token,
    inlineOption: '--token',
  });
}

/**
 * Where to send requests and as whom: the socket, then --server, then --context, then QUORATE_SERVER,
 * QUORATE_CONTEXT, then the current context.
 * @throws CliError when there is nothing to talk to
 */
export async function resolveTarget(
  io: Io,
  globals: Globals,
  options: { local: boolean; warn(line: string): void },
): Promise<Resolved> {
  if (globals.socket !== undefined || options.local) {
    const path = await findSocket(io, globals.socket);
    return { target: { kind: 'socket', path }, token: undefined, contextName: undefined };
  }
  if (globals.server !== undefined && globals.context !== undefined) {
    throw new CliError('usage', 'give --server or --context, not both');
  }
  const config = await loadConfig(io);
  const server = globals.server ?? (globals.context === undefined ? io.env['QUORATE_SERVER'] : undefined);
  const token = await explicitToken(io, globals, options.warn);
  const caFile = globals.ca ?? io.env['QUORATE_CA'];
  const ca = caFile ? await readCa(io, caFile) : undefined;
  const insecure = globals.insecureSkipVerify === true;

  if (server) {
    const urls = [...new Set(server.split(',').map((one) => normalizeServer(one.trim())))];
    // A server that a context already knows is used with that context's CA and session.
    const known = Object.entries(config.contexts).find(([, item]) => urls.includes(item.server));
    return {
      target: { kind: 'http', endpoints: urls, ca: ca ?? known?.[1].ca, insecure },
      token: token ?? known?.[1].token,
      contextName: undefined,
    };
  }
  const name = globals.context ?? (io.env['QUORATE_CONTEXT'] || config.current);
  if (name === undefined) {
    throw new CliError('usage', 'no cluster is chosen: there is no current context', {
      hint: 'sign in with: quorate login https://HOST:8440, or on a node use: quorate agent …',
    });
  }
  const context = contextOf(config, name);
  const endpoints = [...new Set([context.server, ...context.endpoints])];
  return {
    target: { kind: 'http', endpoints, ca: ca ?? context.ca, insecure },
    token: token ?? context.token,
    contextName: name,
  };
}
