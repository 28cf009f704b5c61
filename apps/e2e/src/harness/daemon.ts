import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@quorate/shared/client';
import { healthRoutes } from '@quorate/shared/health';
import { type Connection, clientOf, openConnection } from './http-client';
import { DAEMON, tailOf } from './paths';
import { Hopeless, until } from './until';
import type { RunningProcess, Workspace } from './workspace';

export interface DaemonSpec {
  readonly name: string;
  /** Its own address; ports are the same on every node. */
  readonly host: string;
  /** Network namespace to run in. */
  readonly namespace?: string;
  /** Of every start. */
  readonly settings?: Settings;
}

export const API_PORT = 8440;
export const CLUSTER_PORT = 7000;

/** Configuration keys and values, as `--set` takes them. */
export type Settings = Readonly<Record<string, string>>;

/** One quorated on its own address, with its own data directory. */
export class Daemon {
  readonly dataDir: string;
  readonly logFile: string;
  readonly clusterAddress: string;
  #process: RunningProcess | undefined;
  #connection: Connection | undefined;
  #local: Connection | undefined;
  #tls: boolean;
  #program = DAEMON;
  #ownCertificate = false;
  #token: () => string | undefined = () => undefined;

  constructor(
    private readonly workspace: Workspace,
    readonly spec: DaemonSpec,
  ) {
    this.dataDir = join(workspace.dir, spec.name);
    this.logFile = join(workspace.dir, 'logs', `${spec.name}.log`);
    this.clusterAddress = `${spec.host}:${CLUSTER_PORT}`;
    this.#tls = spec.namespace !== undefined;
  }

  get name(): string {
    return this.spec.name;
  }
  get url(): string {
    return `${this.#tls ? 'https' : 'http'}://${this.spec.host}:${API_PORT}`;
  }
  get running(): boolean {
    return this.#process?.running === true;
  }
  get pid(): number {
    return this.#process?.pid ?? 0;
  }
  /** CA of the cluster, once this node has it. */
  get caFile(): string {
    return join(this.dataDir, 'pki/ca.crt');
  }

  /** Another build of the daemon, from the next start on. */
  useProgram(program: string): void {
    this.#program = program;
  }

  useToken(token: () => string | undefined): void {
    this.#token = token;
  }

  /** The API under the token of the cluster's admin. */
  client(timeoutMs = 15_000): Client {
    return clientOf(this.connection(), this.url, this.#token, timeoutMs);
  }

  connection(): Connection {
    if (this.#connection) return this.#connection;
    const ca = this.#tls && existsSync(this.caFile) ? readFileSync(this.caFile, 'utf8') : undefined;
    const connection = openConnection(ca ? { ca } : {});
    // Before the node has its CA, nothing verifies: look again at the next call.
    if (ca || !this.#tls) this.#connection = connection;
    return connection;
  }

  /** The API over the agent socket: local admin, and reachable when the network is cut. */
  local(timeoutMs = 15_000): Client {
    this.#local ??= openConnection({ socketPath: join(this.dataDir, 'agent.sock') });
    return clientOf(this.#local, 'http://local', () => undefined, timeoutMs);
  }

  /** Starts the process without waiting for anything. */
  spawn(settings: Settings = {}): void {
    if (this.running) throw new Error(`${this.name} runs already`);
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 });
    const { host, name, namespace } = this.spec;
    const all: Settings = {
      'node.name': name,
      'api.address': `${host}:${API_PORT}`,
      'cluster.address': this.clusterAddress,
      'log.format': 'json',
      'log.level': 'debug',
      ...(this.#ownCertificate ? this.#certificateSettings() : {}),
      ...this.spec.settings,
      ...settings,
    };
    const sets = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const command = [this.#program, 'serve', '--data-dir', this.dataDir, ...sets];
    const [program = '', ...args] = namespace ? ['ip', 'netns', 'exec', namespace, ...command] : command;
    this.#connection = undefined;
    this.#process = this.workspace.run(program, args, { logFile: this.logFile });
  }

  /** Starts the process and waits until its API answers. */
  async start(settings: Settings = {}): Promise<void> {
    this.spawn(settings);
    await this.waitLive();
  }

  async waitLive(boundMs?: number): Promise<void> {
    const isLive = async () => {
      // The socket first: on the address, a stranger might answer while this node ends because the port is taken.
      await this.local(2_000).call(healthRoutes.live, {});
      return this.client(2_000).call(healthRoutes.live, {});
    };
    await this.#waitFor('answers', isLive, boundMs);
  }

  /** Ready = serves reads and writes as a voter. */
  async waitReady(boundMs?: number): Promise<void> {
    await this.#waitFor('is ready', () => this.client(2_000).call(healthRoutes.ready, {}), boundMs);
  }

  async #waitFor(what: string, condition: () => Promise<unknown>, boundMs?: number): Promise<void> {
    const attempt = async () => {
      if (!this.running) throw new Hopeless(`${this.name} ended before it ${what}:\n${this.logTail()}`);
      return condition();
    };
    await until(`${this.name} ${what}`, attempt, boundMs ? { boundMs } : {});
  }

  /** Waits until the log says something, counted from where it stands at `from` (characters). */
  async waitForLog(
    pattern: RegExp,
    options: { from?: number; boundMs?: number; everyMs?: number } = {},
  ): Promise<void> {
    const { from = 0, ...rest } = options;
    await until(`the log of ${this.name} says ${pattern}`, () => pattern.test(this.log().slice(from)), rest);
  }

  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }
  logTail(lines = 25): string {
    return tailOf(this.logFile, lines);
  }

  /** SIGTERM, as systemd does it; waits for the end. Gives the exit code. */
  async stop(): Promise<number | null> {
    const ending = this.#process;
    ending?.signal('SIGTERM');
    return this.ended();
  }

  /** kill -9 of the daemon alone; its etcd is left to whatever the daemon has arranged for that. */
  async kill(): Promise<void> {
    this.#process?.signal('SIGKILL');
    await this.ended();
  }

  /** kill -9 of the daemon and its etcd at once, as when a host loses power. */
  async killAll(): Promise<void> {
    this.#process?.signalGroup('SIGKILL');
    await this.ended();
  }

  /** The process ends by itself or was told to. @throws when it does not within the bound */
  async ended(boundMs = 30_000): Promise<number | null> {
    const ending = this.#process;
    if (!ending) return null;
    await until(`${this.name} ends`, () => !ending.running, { boundMs });
    return (await ending.ended).code;
  }

  /** SIGSTOP to the daemon and its etcd: alive for the kernel, dead for everybody else. */
  suspend(): void {
    this.#process?.signalGroup('SIGSTOP');
  }
  resume(): void {
    this.#process?.signalGroup('SIGCONT');
  }

  /** The pid of its etcd, or undefined while there is none. */
  etcdPid(): number | undefined {
    try {
      const pid = Number(readFileSync(join(this.dataDir, 'raft.pid'), 'utf8'));
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return commandLine.includes(`--data-dir=${this.dataDir}/raft`) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** kill -9 of its etcd alone. False when there is none. */
  killEtcd(): boolean {
    const pid = this.etcdPid();
    if (pid === undefined) return false;
    process.kill(pid, 'SIGKILL');
    return true;
  }

  /** From the next start on, the API is served over TLS with the node's own certificate, as it is off loopback. */
  switchToTls(): void {
    this.#tls = true;
    this.#ownCertificate = true;
  }

  #certificateSettings(): Settings {
    return {
      'api.tls.mode': 'files',
      'api.tls.cert': join(this.dataDir, 'pki/node.crt'),
      'api.tls.key': join(this.dataDir, 'pki/node.key'),
    };
  }
}
