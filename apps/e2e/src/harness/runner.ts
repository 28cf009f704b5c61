import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Runner as RunnerView, runnerRoutes } from '@quorate/shared/runners';
import type { Cluster } from './cluster';
import type { Daemon } from './daemon';
import { everyItem } from './pages';
import { DAEMON, tailOf } from './paths';
import { until } from './until';
import type { RunningProcess } from './workspace';

export interface RunnerSpec {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Jobs and replicas at once; the program's own default without it. */
  readonly capacity?: number;
  /** Network namespace to run in: `network.place(n).namespace`, so that `network.cut(n)` cuts it off. */
  readonly namespace?: string;
  /** More options of `quorated runner`. */
  readonly options?: readonly string[];
}

/** One `quorated runner` with its own data directory. What it started ends with the workspace. */
export class Runner {
  readonly dataDir: string;
  readonly logFile: string;
  #process: RunningProcess | undefined;

  constructor(
    private readonly cluster: Cluster,
    readonly spec: RunnerSpec,
  ) {
    const { workspace } = cluster;
    this.dataDir = join(workspace.dir, spec.name);
    this.logFile = join(workspace.dir, 'logs', `${spec.name}.log`);
  }

  get name(): string {
    return this.spec.name;
  }
  get running(): boolean {
    return this.#process?.running === true;
  }
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts the process without waiting for anything; a join string only for the first time. */
  spawn(joinString?: string): void {
    if (this.running) throw new Error(`${this.name} runs already`);
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 });
    const { name, labels = {}, capacity, namespace, options = [] } = this.spec;
    const command = [
      ...[DAEMON, 'runner', ...(joinString === undefined ? [] : [joinString])],
      ...['--data-dir', this.dataDir, '--name', name],
      ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...(capacity === undefined ? [] : ['--capacity', String(capacity)]),
      ...options,
    ];
    const [program = '', ...args] = namespace ? ['ip', 'netns', 'exec', namespace, ...command] : command;
    this.#process = this.cluster.workspace.run(program, args, { logFile: this.logFile });
  }

  /** Joins by a fresh token and waits until the cluster calls it online and it is connected to every node that runs. */
  async join(via: Daemon = this.cluster.node(0)): Promise<void> {
    const { join_string } = await this.cluster.mint({ kind: 'runner' }, via);
    this.spawn(join_string);
    await this.waitOnline(via);
    await this.waitConnected(this.cluster.running().length, via);
  }

  /** Starts it again, as the runner that it was. */
  restart(): void {
    this.spawn();
  }

  /** SIGTERM, as systemd does it; waits for the end. Gives the exit code. */
  async stop(): Promise<number | null> {
    this.#process?.signal('SIGTERM');
    return this.ended();
  }

  /** kill -9 of the runner alone: what it runs lives on. */
  async kill(): Promise<void> {
    this.#process?.signal('SIGKILL');
    await this.ended();
  }

  /** SIGSTOP to the runner alone: what it runs goes on. */
  suspend(): void {
    this.#process?.signal('SIGSTOP');
  }
  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  /** @throws when it does not end within the bound */
  async ended(boundMs = 30_000): Promise<number | null> {
    const ending = this.#process;
    if (!ending) return null;
    await until(`${this.name} ends`, () => !ending.running, { boundMs });
    return (await ending.ended).code;
  }

  /** The runner, as the cluster knows it. @throws when it does not */
  async view(at: Daemon = this.cluster.node(0)): Promise<RunnerView> {
    const all = await everyItem((query) => at.client(5_000).call(runnerRoutes.list, { query }));
    const found = all.find(({ name }) => name === this.name);
    if (!found) throw new Error(`${this.name} is no runner`);
    return found;
  }

  async waitOnline(at?: Daemon): Promise<void> {
    await this.#waitFor('is online', async () => (await this.view(at)).status === 'online');
  }
  async waitOffline(at?: Daemon): Promise<void> {
    await until(`${this.name} is offline`, async () => (await this.view(at)).status === 'offline');
  }
  /** It is connected to so many core nodes. */
  async waitConnected(count: number, at?: Daemon): Promise<void> {
    await this.#waitFor(
      `is connected to ${count} nodes`,
      async () => (await this.view(at)).connected_to.length === count,
    );
  }

  async #waitFor(what: string, condition: () => Promise<boolean>): Promise<void> {
    try {
      await until(`${this.name} ${what}`, condition);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.logTail()}`);
    }
  }

  /** Pids of the programs that work below its data directory: jobs and replicas with their children, whoever started them. */
  programs(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => `${workingDirOf(pid)}/`.startsWith(`${this.dataDir}/`))
      .map(Number);
  }

  log(): string {
    try {
      return readFileSync(this.logFile, 'utf8');
    } catch {
      return '';
    }
  }
  logTail(lines = 25): string {
    return tailOf(this.logFile, lines);
  }

  /** A file of this runner's own that programs can read and write. */
  writeFile(name: string, content: string, mode = 0o644): string {
    const path = join(this.cluster.workspace.dir, `${this.name}-${name}`);
    writeFileSync(path, content, { mode });
    return path;
  }
}

/** Empty for a process that is gone or a kernel's own. */
function workingDirOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
