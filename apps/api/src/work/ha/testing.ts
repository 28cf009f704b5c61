import { serviceSpecSchema } from '@quorate/shared/services';
import { eq } from 'drizzle-orm';
import { createRegistry } from '../../commands/define-command';
import { commandRegistry } from '../../registry';
import { observeRunner, setRunnerDrained } from '../../resources/runners/commands';
import { runners } from '../../resources/runners/table';
import { startReplica } from '../../testing/replica';
import { createService } from '../services/commands';
import { recordPlacements } from '../services/placement/commands';
import { createPlanning } from '../services/planner';
import { assignedReplicas, replicaAt } from '../services/queries';
import { serviceReplicas, serviceRevisions, services } from '../services/table';
import { createHaCommands } from './commands';
import type { HaNode } from './nodes';
import { haFailovers, haSettings, haUpdateSteps, haUpdates } from './table';

export const FAILOVER_S = 10;
const id = (n: number): string => `00000000-0000-7000-8000-00000000000${n}`;
export const [A, B, C] = [id(1), id(2), id(3)];
export const spec = serviceSpecSchema.parse({ command: 'sleep' });
const keyOf = (one: { service: string; slot: number }): string => `${one.service}/${one.slot}`;

/** Three nodes with a runner each, a real state and the real planner; the runners and the time are the test's. */
export class HaWorld {
  at = 1_000_000;
  nodes: HaNode[] = [];
  /** What really runs on a runner: slot to generation. It goes on while the runner is cut off. */
  running = new Map<string, Map<string, number>>();
  /** Slots that do not stay up, such as `web/0`. */
  readonly broken = new Set<string>();
  readonly commands = createHaCommands(() => this.nodes);
  /** What was reported last of each slot. */
  private readonly said = new Map<string, string>();
  private n = 0;
  private started: Awaited<ReturnType<typeof startReplica>> | undefined;

  async start(): Promise<void> {
    const others = [...commandRegistry.values()].filter(({ type }) => !type.startsWith('ha.'));
    const registry = createRegistry([...others, ...this.commands.all]);
    this.started = await startReplica({ log: 'local', registry, clock: () => this.at });
  }

  async stop(): Promise<void> {
    await this.started?.stop();
  }

  get replica() {
    if (!this.started) throw new Error('the world has not started');
    return this.started;
  }

  db = () => this.replica.store.db;

  async reset(): Promise<void> {
    const tables = [
      services,
      serviceReplicas,
      serviceRevisions,
      runners,
      haFailovers,
      haSettings,
      haUpdateSteps,
      haUpdates,
    ];
    for (const table of tables) this.db().delete(table).run();
    this.broken.clear();
    this.running = new Map([A, B, C].map((runner) => [runner, new Map()]));
    this.nodes = [1, 2, 3].map((node) => ({ id: node, name: `node-${node}`, drained: false }));
    for (const [index, runner] of [A, B, C].entries()) {
      this.db()
        .insert(runners)
        .values({
          ...{ id: runner, name: `runner-${index}`, nodeId: index + 1, keyPin: null, labels: {}, capacity: 4 },
          ...{ version: 'test', address: '', state: 'active', drainedAt: null, status: 'online', statusSince: this.at },
          ...{ certificateExpiresAt: null, joinedAt: this.at, removedAt: null },
        })
        .run();
    }
    await this.setHa(false);
  }

  setHa = (enabled: boolean, more: object = {}) =>
    this.replica.propose(this.commands.setHa, {
      ...{ enabled, system_replicas: 3, failover_seconds: FAILOVER_S, ifMatch: null },
      ...more,
    });
  observe = (runner: string, online: boolean) => this.replica.propose(observeRunner, { id: runner, online });
  drain = (runner: string, drained: boolean) => this.replica.propose(setRunnerDrained, { id: runner, drained });
  create = (name: string, replicas: number, system = false) =>
    this.replica.propose(createService, { name, spec, replicas, system });

  statusOf = (runner: string) => this.db().select().from(runners).where(eq(runners.id, runner)).get();

  /** A runner that hears a core does what it is told, and says so. */
  async converge(runner: string): Promise<void> {
    if (this.statusOf(runner)?.status !== 'online') return;
    const has = this.running.get(runner) ?? new Map<string, number>();
    const told = assignedReplicas(this.db(), runner);
    const wanted = new Map(told.filter(({ stop }) => !stop).map((one) => [keyOf(one), one.generation]));
    for (const key of [...has.keys()]) if (wanted.get(key) !== has.get(key)) has.delete(key);
    for (const [key, generation] of wanted) has.set(key, generation);
    this.n += 1;
    const reports = told
      .map(({ service, slot, generation, stop }) => ({
        ...{ service, slot, generation, n: this.n, ports: {} },
        ...(stop ? { state: 'stopped' as const, reason: '', restarts: 0 } : this.stateOf(`${service}/${slot}`)),
      }))
      .filter((one) => this.said.get(keyOf(one)) !== `${one.generation} ${one.state}`);
    for (const one of reports) this.said.set(keyOf(one), `${one.generation} ${one.state}`);
    if (reports.length > 0) await this.replica.propose(recordPlacements, { runnerId: runner, reports });
  }

  private readonly stateOf = (key: string) =>
    this.broken.has(key)
      ? { state: 'backing_off' as const, reason: 'it ended with exit code 1', restarts: 2 }
      : { state: 'healthy' as const, reason: '', restarts: 0 };

  /** With a new planner each time, as on another leader: it knows nothing but the state. */
  async plan(rounds = 1): Promise<void> {
    const { applier, proposer } = this.replica;
    const deps = { db: this.db, applier, propose: proposer.propose, nodeId: 1, clock: () => this.at };
    const planning = createPlanning(deps);
    for (let round = 0; round < rounds; round += 1) if (!(await planning.step()).changed) return;
  }

  /** Until nothing changes for longer than a replica takes to count as healthy; `each` goes on as well. */
  async settle(each: () => Promise<void> = async () => undefined): Promise<void> {
    const { applier } = this.replica;
    for (let round = 0, quiet = 0; round < 60 && quiet < 3; round += 1) {
      const { index } = applier.position;
      await each();
      await this.plan(5);
      for (const runner of [A, B, C]) await this.converge(runner);
      this.at += 3_000;
      quiet = applier.position.index === index ? quiet + 1 : 0;
    }
  }

  placeOf = (name: string, slot = 0) => replicaAt(this.db(), name, slot)?.runnerId;
  placesOf = (name: string) =>
    this.db()
      .select()
      .from(serviceReplicas)
      .where(eq(serviceReplicas.service, name))
      .all()
      .map((row) => row.runnerId)
      .sort();
}

export async function startHaWorld(): Promise<HaWorld> {
  const world = new HaWorld();
  await world.start();
  return world;
}
