import type { OutputChunk, OutputRange } from '@quorate/shared/runner-protocol';
import type { Labels } from '@quorate/shared/runners';
import type { WebSocket } from 'ws';
import { prepared } from '../db/prepared';
import type { StateDb } from '../db/state-store';
import type { Clock } from '../lib/clock';
import type { Logger } from '../lib/logger';
import type { Applier } from '../replication/applier';
import type { Proposer } from '../replication/proposer';
import { describeRunner, findRunner, noteRunnerProblem } from '../resources/runners/commands';
import { assignedWork, recordReplicas, recordReports } from './assigned';
import type { ChangedRunners } from './changes';
import { PROOF_MAX_AGE_MS } from './lease';
import type { MeasuredStore } from './measured/store';
import { systemProposal } from './proposal';
import { openSession, type Session } from './session';

export interface HubDeps {
  readonly nodeId: number;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly propose: Proposer['propose'];
  /** Everything that was committed before this time (performance.now()) is applied here. */
  readonly provenAt: () => number;
  /** Cluster addresses of the core nodes. */
  readonly cores: () => readonly string[];
  /** What runners are to trust; undefined before it is known. */
  readonly trust: () => { ca: string; issuer: string } | undefined;
  /** A certificate for the key that the runner is known by. @throws DomainError */
  readonly renewCertificate: (runnerId: string, csr: string) => Promise<string>;
  readonly measured: MeasuredStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a core knows of a runner that is, or was, connected to it. */
export interface RunnerSeen {
  readonly heardAt: number;
  readonly cpuPercent: number;
  readonly memoryPercent: number;
}

/** The runners that are connected to this core. */
export interface RunnerHub {
  /** `notAfter`: of the certificate that it showed, ms. */
  connect(runnerId: string, socket: WebSocket, notAfter: number): void;
  /** What these are to have may have changed: those of them that are connected here are told. */
  changed(runners: ChangedRunners): void;
  seen(runnerId: string): RunnerSeen | undefined;
  /** How many are connected here. */
  readonly connected: number;
  /** Runners that it has heard of in the last minute. */
  heard(): { id: string; ago_ms: number }[];
  /** Output of an attempt that the runner has; undefined when it is not connected here or has none. */
  output(runnerId: string, range: OutputRange): Promise<OutputChunk | undefined>;
  close(): void;
}

/** The same text for the same labels. */
const canonical = (labels: Labels): string => JSON.stringify(Object.entries(labels).sort());

const HEARD_MS = 60_000;
/** Everybody is looked after so often, whether or not anything is known to have changed. */
const SWEEP_MS = 2_000;
/** Sweeps until all are told their work again: a core that has died may have told them something that is over. */
const RETELL_SWEEPS = 10;
const REMOVED = 4403;
const CERTIFICATE_EXPIRED = 4401;

const statusOf = prepared((db) =>
  db.$client.prepare<[string], string>("SELECT status FROM runners WHERE id = ? AND state = 'active'").pluck(),
);

const problemOf = prepared((db) =>
  db.$client.prepare<[string], string>("SELECT problem FROM runners WHERE id = ? AND state = 'active'").pluck(),
);

export function createRunnerHub(deps: HubDeps): RunnerHub {
  const { db, applier, measured, clock } = deps;
  const sessions = new Map<string, { readonly session: Session; readonly notAfter: number }>();
  const seen = new Map<string, RunnerSeen>();
  /** Runners whose word on what hinders them is being written. */
  const noting = new Set<string>();
  let closed = false;

  /** Undefined for one that is none any more. */
  const currentStatus = (runnerId: string): string | undefined => statusOf(db()).get(runnerId);
  const isFresh = (): boolean => performance.now() - deps.provenAt() < PROOF_MAX_AGE_MS;
  const renews = (runnerId: string): boolean => isFresh() && currentStatus(runnerId) === 'online';

  function open(runnerId: string, socket: WebSocket): Session {
    return openSession(socket, {
      ...{ nodeId: deps.nodeId, runnerId, logger: deps.logger },
      renews: () => renews(runnerId),
      onHeartbeat({ cpu_percent, memory_percent, problem = '' }) {
        seen.set(runnerId, { heardAt: clock(), cpuPercent: cpu_percent, memoryPercent: memory_percent });
        void noteProblem(runnerId, problem);
      },
      onMetrics: ({ batch, doNotPropagate: isElsewhere, stamp }) =>
        measured.take(runnerId, batch, { isElsewhere, stamp }),
      onReport: (frame) =>
        frame.type === 'replicas'
          ? recordReplicas(deps, runnerId, frame.reports)
          : recordReports(deps, runnerId, frame.reports),
      onHello: ({ labels, capacity, version }) => describe(runnerId, { labels, capacity, version }),
      onRenew: (csr) => deps.renewCertificate(runnerId, csr),
    });
  }

  /** Until it is written down the next heartbeat says it again. */
  async function noteProblem(id: string, problem: string): Promise<void> {
    const known = problemOf(db()).get(id);
    if (known === undefined || known === problem || noting.has(id) || !isFresh()) return;
    noting.add(id);
    await deps
      .propose(noteRunnerProblem, { id, problem }, systemProposal(deps.nodeId))
      .catch((error: unknown) => deps.logger.debug({ err: error, runner: id }, 'the word of a runner was not taken'));
    noting.delete(id);
  }

  async function describe(id: string, now: { labels: Labels; capacity: number; version: string }): Promise<void> {
    const known = findRunner(db(), id);
    const isSame = known.capacity === now.capacity && known.version === now.version;
    if (isSame && canonical(known.labels) === canonical(now.labels)) return;
    await deps.propose(describeRunner, { id, ...now }, systemProposal(deps.nodeId));
  }

  function tell(runnerId: string, again = false): void {
    const entry = sessions.get(runnerId);
    if (!entry || closed) return;
    const { session, notAfter } = entry;
    if (currentStatus(runnerId) === undefined) session.close(REMOVED, 'this runner was removed');
    else if (clock() > notAfter) session.close(CERTIFICATE_EXPIRED, 'its certificate has expired');
    else {
      // By an old state a runner that has just come back would start what is elsewhere by now.
      const work = isFresh() ? assignedWork(db(), runnerId, applier.position.index) : undefined;
      session.tell({ work, cores: deps.cores(), trust: deps.trust() }, again);
    }
  }

  let sweeps = 0;
  const sweep = setInterval(() => {
    sweeps += 1;
    for (const runnerId of sessions.keys()) tell(runnerId, sweeps % RETELL_SWEEPS === 0);
    for (const [id, { heardAt }] of seen) if (clock() - heardAt > HEARD_MS) seen.delete(id);
  }, SWEEP_MS);

  return {
    connect(runnerId, socket, notAfter) {
      sessions.get(runnerId)?.session.terminate();
      const entry = { session: open(runnerId, socket), notAfter };
      sessions.set(runnerId, entry);
      socket.once('close', () => {
        if (sessions.get(runnerId) !== entry) return;
        sessions.delete(runnerId);
        measured.disconnected(runnerId);
      });
      tell(runnerId);
    },
    changed(changed) {
      for (const runnerId of changed === 'all' ? [...sessions.keys()] : changed) tell(runnerId);
    },
    seen: (runnerId) => seen.get(runnerId),
    get connected() {
      return sessions.size;
    },
    heard() {
      const now = clock();
      return [...seen]
        .map(([id, { heardAt }]) => ({ id, ago_ms: now - heardAt }))
        .filter((one) => one.ago_ms < HEARD_MS);
    },
    output: async (runnerId, range) => sessions.get(runnerId)?.session.output(range),
    close() {
      closed = true;
      clearInterval(sweep);
      for (const [runnerId, { session }] of sessions) {
        measured.disconnected(runnerId);
        session.close(1001, 'the node stops');
      }
    },
  };
}
