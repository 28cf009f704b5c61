import { text as askText, isCancel } from '@clack/prompts';
import { ApiError } from '@quorate/shared/client';
import { clusterRoutes } from '@quorate/shared/cluster';
import { type Principal, sessionRoutes } from '@quorate/shared/session';
import { setupRoutes } from '@quorate/shared/setup';
import { Option } from 'commander';
import { CliError } from '../cli-error';
import { type Config, type Context, contextName, loadConfig, saveConfig, updateConfig } from '../config-store';
import { relativeTime, utcTime } from '../duration';
import { collect } from '../globals';
import { type Invocation, openInvocation } from '../invocation';
import { type Io, isInteractive } from '../io';
import { learnEndpoints } from '../member-view';
import { recordView } from '../output';
import type { Register } from '../register';
import { readSecret } from '../secrets';
import { normalizeServer, readCa } from '../target';
import { fetchPinnedCa } from '../tls-pin';

const DEFAULT_SERVER = 'http://127.0.0.1:8440';

interface LoginOptions {
  user?: string;
  passwordFile?: string;
  password?: string;
  caFingerprint?: string;
  endpoint?: string[];
}

interface Credentials {
  token: string;
  user: string;
  role: string;
  expiresAt: string | null;
}

async function chooseServer(inv: Invocation, argument: string | undefined, config: Config): Promise<string> {
  const { globals, io } = inv;
  if (argument !== undefined && globals.server !== undefined) {
    throw new CliError('usage', 'give the server once: as the argument or with --server');
  }
  const name = globals.context ?? config.current;
  const known = name === undefined ? undefined : config.contexts[name]?.server;
  const given = argument ?? globals.server ?? io.env['QUORATE_SERVER'] ?? known;
  if (given) return normalizeServer(given);
  inv.note(`No server given; using this host's: ${DEFAULT_SERVER}`);
  return DEFAULT_SERVER;
}

async function chooseCa(inv: Invocation, server: string, options: LoginOptions, config: Config) {
  if (options.caFingerprint !== undefined) return fetchPinnedCa(server, options.caFingerprint, inv.globals.timeout);
  const file = inv.globals.ca ?? inv.io.env['QUORATE_CA'];
  if (file) return readCa(inv.io, file);
  return Object.values(config.contexts).find((item) => item.server === server)?.ca;
}

async function chooseUser(io: Io, option: string | undefined): Promise<string> {
  if (option !== undefined) return option;
  if (!isInteractive(io)) throw new CliError('usage', 'the user name is missing', { hint: 'pass --user NAME' });
  const answer = await askText({ message: 'User name', input: io.stdin, output: io.stderr, signal: io.signal });
  if (isCancel(answer)) throw new CliError('error', 'cancelled; you are not signed in');
  return answer ?? '';
}

/** An API token signs in as it is; a password is exchanged for a session token. */
async function authenticate(inv: Invocation, probe: Invocation, options: LoginOptions): Promise<Credentials> {
  const { globals } = inv;
  const usesToken = globals.tokenFile !== undefined || globals.token !== undefined;
  if (usesToken) {
    const { token } = await probe.connection();
    const me: Principal = await probe.call(sessionRoutes.me, {});
    return { token: token ?? '', user: me.name, role: me.role, expiresAt: me.expires_at };
  }
  const username = await chooseUser(inv.io, options.user);
  const password = await readSecret(inv.io, inv.warn, {
    what: 'password',
    file: options.passwordFile,
    fileOption: '--password-file',
    inline: options.password,
    inlineOption: '--password',
  });
  const session = await probe.call(sessionRoutes.create, { body: { username, password } });
  if (session.token === null) throw new CliError('error', 'the server answered without a token for this client');
  const { user } = session;
  return { token: session.token, user: user.username, role: user.role, expiresAt: session.expires_at };
}

/** The name given, the one that has this server, else the cluster's, else the host's. */
function chooseName(given: string | undefined, config: Config, server: string, clusterName: string | null): string {
  if (given !== undefined) {
    const result = contextName.safeParse(given);
    if (!result.success) throw new CliError('usage', `--context: ${result.error.issues[0]?.message}`);
    return given;
  }
  const same = Object.entries(config.contexts).find(([, item]) => item.server === server);
  if (same) return same[0];
  const slug = (clusterName ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  const host = new URL(server).host.replace(/[[\]]/g, '').replace(/^:+/, '');
  if (!slug) return host;
  return Object.hasOwn(config.contexts, slug) ? `${slug}-${host}`.slice(0, 64) : slug;
}

async function login(inv: Invocation, argument: string | undefined, options: LoginOptions): Promise<void> {
  const { io, globals } = inv;
  if (globals.socket !== undefined) throw new CliError('usage', 'the agent socket needs no login');
  const config = await loadConfig(io);
  const server = await chooseServer(inv, argument, config);
  const { protocol, hostname } = new URL(server);
  if (protocol === 'http:' && !/^(localhost|127\..*|\[::1\])$/.test(hostname)) {
    inv.warn(`${server} is not encrypted: anyone on the way can read the password`);
  }
  const ca = await chooseCa(inv, server, options, config);
  const insecure = globals.insecureSkipVerify === true;
  const token =
    globals.tokenFile === undefined && globals.token === undefined
      ? undefined
      : await readSecret(io, inv.warn, {
          what: 'API token',
          file: globals.tokenFile,
          fileOption: '--token-file',
          inline: globals.token,
          inlineOption: '--token',
        });
  const target = { kind: 'http', endpoints: [server], ca, insecure } as const;
  const probe = openInvocation(io, globals, { local: false, resolved: { target, token, contextName: undefined } });
  try {
    const setup = await probe.call(setupRoutes.get, {});
    if (setup.needed) {
      throw new CliError('conflict', 'the cluster has no admin yet', {
        hint: `open ${server} in a browser, or run: quorate --server ${server} setup --cluster-name NAME`,
      });
    }
    const credentials = await authenticate(inv, probe, options);
    const name = chooseName(globals.context, config, server, setup.cluster_name);
    const endpoints = (options.endpoint ?? []).map(normalizeServer).filter((url) => url !== server);
    await store(io, name, { server, endpoints, ca, credentials });
    const resolved = { target, token: credentials.token, contextName: name };
    await learnFrom(openInvocation(io, globals, { local: false, resolved }));
    const until = credentials.expiresAt === null ? '' : ` until ${utcTime(credentials.expiresAt)}`;
    inv.note(
      `Signed in to ${setup.cluster_name ?? server} as ${credentials.user} (${credentials.role})${until}; context '${name}'.`,
    );
    const data = {
      context: name,
      server,
      user: credentials.user,
      role: credentials.role,
      expires_at: credentials.expiresAt,
    };
    if (globals.output !== 'table') inv.print({ data, names: [name], text: () => '' });
  } finally {
    await probe.close();
  }
}

async function store(
  io: Io,
  name: string,
  session: { server: string; endpoints: string[]; ca: string | undefined; credentials: Credentials },
): Promise<void> {
  const { server, endpoints, ca, credentials } = session;
  const config = await loadConfig(io);
  const context: Context = {
    server,
    endpoints,
    ...(ca === undefined ? {} : { ca }),
    user: credentials.user,
    token: credentials.token,
    ...(credentials.expiresAt === null ? {} : { token_expires_at: credentials.expiresAt }),
  };
  config.contexts[name] = context;
  config.current = name;
  await saveConfig(io, config);
}

/** Best effort: a session without failover is still a session. */
async function learnFrom(signedIn: ReturnType<typeof openInvocation>): Promise<void> {
  try {
    const { items } = await signedIn.call(clusterRoutes.members, {});
    await learnEndpoints(signedIn, items);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  } finally {
    await signedIn.close();
  }
}

async function logout(inv: Invocation): Promise<void> {
  const { contextName: name, token } = await inv.connection();
  if (token === undefined) return inv.note('You are not signed in.');
  await inv.call(sessionRoutes.remove, {}).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 401) inv.warn(`the server did not end the session (${error.message}); it ends by itself`);
  });
  if (name !== undefined) {
    await updateConfig(inv.io, (config) => {
      const context = config.contexts[name];
      if (!context) return false;
      delete context.token;
      delete context.token_expires_at;
      return true;
    });
  }
  inv.note(`Signed out${name === undefined ? '' : ` of ${name}`}.`);
}

export const registerLogin: Register = (program, run) => {
  program
    .command('login')
    .description('Sign in and keep the session as a context')
    .argument('[server]', 'https://host:port of any node or of the load balancer')
    .option('--user <name>', 'user name; asked for on a terminal')
    .option('--password-file <file>', 'read the password from a file; - is standard input')
    .addOption(new Option('--password <secret>').hideHelp())
    .option('--ca-fingerprint <sha256>', "trust the cluster's own authority by this fingerprint and keep it")
    .option('--endpoint <url>', 'another node to fall back to; may be repeated', collect)
    .action(run(login));
  program
    .command('logout')
    .description('End the session and forget its token')
    .action(run(async (inv) => logout(inv)));
  program
    .command('whoami')
    .description('Who you are to the server')
    .action(
      run(async (inv) => {
        const data = await inv.call(sessionRoutes.me, {});
        const { contextName: name, target } = await inv.connection();
        const where = target.kind === 'socket' ? target.path : target.endpoints[0];
        inv.print(
          recordView({
            data,
            name: data.name,
            fields: [
              ['name', data.name],
              ['kind', data.kind],
              ['role', data.role],
              [
                'session',
                data.expires_at === null ? 'does not expire' : `expires ${relativeTime(data.expires_at, Date.now())}`,
              ],
              ['server', where ?? null],
              ['context', name ?? null],
            ],
          }),
        );
      }),
    );
};
