import { randomUUID } from 'node:crypto';
import type { TakeoverReason } from '@quorate/shared/connector';
import type { GatewayNode } from '@quorate/shared/connector-protocol';
import type { Actor, CommandDefinition } from '../commands/define-command';
import { DomainError } from '../commands/domain-error';
import type { StateDb } from '../db/state-store';
import type { EventBus } from '../events/bus';
import type { EventLog } from '../events/event-log';
import type { Clock } from '../lib/clock';
import { uuidv7 } from '../lib/ids';
import type { Logger } from '../lib/logger';
import { startReconciler } from '../reconcile/driver';
import type { Applier } from '../replication/applier';
import { createBarrier } from '../replication/barrier';
import type { Log } from '../replication/log';
import type { Proposer } from '../replication/proposer';
import { claimConnector, releaseConnector, reportConnected, reportDisconnected } from './commands';
import { type CredentialStore, createCredentials } from './credentials';
import { type ConnectorConfig, type Effective, effectiveSettings, publicUrl } from './effective';
import { reasonToClaim, reasonToYield, reasonUnconnected } from './plan';
import { currentLease, type Lease, savedSettings } from './queries';
import { createReach } from './reach';
import type { ConnectorReport } from './report';
import type { ApiFetch } from './requests';
import { createSight, type PeerAnswer } from './sight';
import { startTenure, type Tenure } from './tenure';
import { PROVE_TIMEOUT_MS } from './timings';
import type { Upstream } from './upstream';

/** A core node, as far as the connector cares. */
export interface CoreNode {
  readonly id: number;
  readonly name: string;
  readonly version: string;
  /** A voter that is not drained, or the only node. */
  readonly inService: boolean;
}

export interface ConnectorDeps {
  readonly node: { readonly id: number; readonly name: string };
  readonly version: string;
  readonly config: ConnectorConfig;
  readonly db: () => StateDb;
  readonly applier: Applier;
  readonly propose: Proposer['propose'];
  readonly log: () => Log;
  /** This node is a member, and its state is that of the cluster. */
  readonly sound: () => boolean;
  /** A write can succeed now, as far as this node knows. */
  readonly quorumHeld: () => boolean;
  readonly members: () => readonly CoreNode[];
  /** By node: how it fares, as the members view has it. */
  readonly healths: () => ReadonlyMap<number, string>;
  readonly cluster: () => { readonly id: string; readonly name: string };
  /** What is known of another node from the status that nodes exchange. */
  readonly peer: (id: number) => PeerAnswer | undefined;
  readonly identity: () => { readonly certPem: string; readonly keyPem: string };
  readonly fetch: ApiFetch;
  readonly eventLog: EventLog;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What this node counts and measures of the connection. */
export interface ConnectorFigures {
  /** The connection is here. */
  readonly connected: boolean;
  /** Of the lease, on every node; 0 before the first. */
  readonly generation: number;
  /** How often this process has become the active one. */
  readonly takeovers: number;
  readonly eventsSent: number;
  /** Events that the upstream was not sent yet; null without a connection here. */
  readonly lag: number | null;
}

export interface Connector {
  /** For the status that this node gives to the others. */
  report(): ConnectorReport;
  reportOf(id: number): ConnectorReport | undefined;
  /** Whether another node answers this one. */
  reaches(id: number): boolean;
  readonly figures: ConnectorFigures;
  /** Why nobody is connected, although it is configured that somebody is; undefined while all is as it should be. */
  unconnected(): string | undefined;
  /** Why this node takes no part, or is not connected though it is the active one; empty = all is well. */
  problem(): string;
  stop(): Promise<void>;
}

const TICK_MS = 200;
/** While this node is to connect to nothing. What changes that is told; a state that was replaced as a whole is not. */
const IDLE_MS = 5_000;
/** A standby that has proved within this time that it reaches the upstream may claim at once. */
const FRESH_MS = 20_000;
/** Settings and lease; with the other nodes gone, this one is to connect. */
const WAKES = /^(connector|member|members)\./;
const PROPOSE_MS = 2_000;
/** Closing and yielding when the node stops: the others must not have to find out. */
const STOP_CLOSE_MS = 300;
const STOP_RELEASE_MS = 500;

export function startConnector(deps: ConnectorDeps): Connector {
  const { node, db, logger } = deps;
  const session = randomUUID();
  const startedMs = performance.now();
  const credentials: CredentialStore = createCredentials({ ...deps.config, identity: deps.identity, logger });
  const reach = createReach({ upstream: upstreamNow, logger });
  let tenure: Tenure | undefined;
  let leaseSeen = { key: '', atMs: startedMs, wallMs: deps.clock() };
  let readySinceMs: number | undefined;
  let stopping = false;
  /** When the connection before was last known to be there, ms since the epoch; null where nobody can say. */
  let gapBeganAt: number | null = null;
  /** A release of this generation is on its way, so nobody need wait for this node: it must not act in it again. */
  let givenUp = 0;
  let penaltyUntilMs = 0;
  let penalties = 0;
  let takeovers = 0;
  let eventsSent = 0;

  const others = (): CoreNode[] => deps.members().filter(({ id }) => id !== node.id);
  const alone = (): boolean => others().length === 0;
  const settings = (): Effective => effectiveSettings(db(), deps.config, alone());
  const inService = (): boolean => deps.members().some(({ id, inService: serves }) => id === node.id && serves);
  const takesPart = (): boolean =>
    !stopping && settings().takesPart && credentials.current !== undefined && (inService() || alone());
  const holds = (lease: Lease | undefined): lease is Lease => lease?.holder === node.id && lease.session === session;
  const sight = createSight({
    peers: () => others().map(({ id }) => id),
    peer: deps.peer,
    lease: () => currentLease(db()),
  });
  const healthy = (): boolean => deps.sound() && deps.quorumHeld();
  /** Of its own: a question that hangs must not hold up the next one for longer than the proof lasts. */
  const barrier = createBarrier({ log: deps.log, applier: deps.applier, timeoutMs: PROVE_TIMEOUT_MS });
  const leaseNow = createLeaseReader(deps);
  const actor: Actor = { kind: 'node', id: String(node.id), name: `node-${node.id}` };
  const proposal = (timeoutMs = PROPOSE_MS) => ({ actor, id: uuidv7(), timeoutMs });

  function upstreamNow(): Upstream | undefined {
    const { url, caCert } = settings();
    const usable = credentials.current;
    return url !== '' && usable && settings().why === '' ? { url, caCert, credentials: usable } : undefined;
  }

  /** Says who is active whenever that changes, and keeps since when. */
  function noteLease(lease: Lease | undefined): void {
    const key = lease ? `${lease.generation}.${lease.holder}` : '';
    if (key === leaseSeen.key) return;
    leaseSeen = { key, atMs: performance.now(), wallMs: deps.clock() };
    reach.trouble(lease?.holder === null || lease?.holder === undefined);
    if (!lease || !settings().takesPart) return;
    if (lease.holder === null)
      logger.info({ generation: lease.generation }, 'no core node is connected to the upstream now');
    else if (lease.holder !== node.id)
      logger.info(
        { active: lease.holder, generation: lease.generation },
        `this core node is on standby: the active one towards the upstream is node ${lease.holder}`,
      );
  }

  function noteReady(): void {
    const ready = takesPart() && healthy() && reach.ok === true && performance.now() >= penaltyUntilMs;
    readySinceMs = ready ? (readySinceMs ?? performance.now()) : undefined;
  }

  async function run(): Promise<void> {
    const lease = currentLease(db());
    noteLease(lease);
    if (credentials.refresh()) reach.again();
    noteReady();
    if (stopping) return;
    if (tenure && (!holds(lease) || lease.generation !== tenure.generation)) await lose();
    // Its release did not come through, or is not applied here yet.
    if (!tenure && holds(lease) && lease.generation === givenUp) return release(lease, 'restarted');
    if (!tenure && holds(lease)) begin(lease);
    if (tenure) return stay(tenure);
    reach.keepFresh(takesPart(), sight.trouble());
    if (takesPart() && healthy()) await standBy(lease);
  }

  /** Somebody else has claimed the lease: the tenure has seen it already, in everything that it does. */
  async function lose(): Promise<void> {
    const over = tenure;
    tenure = undefined;
    logger.warn({ generation: over?.generation }, 'another node has become the active one towards the upstream');
    await over?.end('another node has taken over', 0);
  }

  function begin(lease: Lease): void {
    const { generation, settled, reason } = lease;
    takeovers += 1;
    const lostAt = gapBeganAt;
    tenure = startTenure({
      ...deps,
      ...{ generation, settled, reason },
      upstream: upstreamNow,
      barrier,
      holds: () => deps.sound() && leaseNow()?.generation === generation && holds(leaseNow()),
      nodes: gatewayNodes,
      onConnected: () => void connected(generation, lostAt),
      onEventsSent: (count) => {
        eventsSent += count;
      },
      onLost: (why) => void tell(reportDisconnected, { ...held(generation), detail: why.slice(0, 500) }),
    });
    logger.info({ generation, reason, settled }, 'this node is the active one towards the upstream');
  }

  const held = (generation: number) => ({ nodeId: node.id, session, generation });

  let firstConnected = 0;

  async function connected(generation: number, lostAt: number | null): Promise<void> {
    const first = firstConnected !== generation;
    firstConnected = generation;
    penalties = 0;
    const gapMs = first && lostAt !== null ? Math.max(0, Math.round(deps.clock() - lostAt)) : null;
    logger.info({ url: publicUrl(settings().url), generation, gap_ms: gapMs }, 'connected to the upstream');
    await tell(reportConnected, { ...held(generation), gapMs });
  }

  /** What could not be written now is told by the next change. */
  async function tell<Input>(command: CommandDefinition<Input, unknown>, input: Input): Promise<void> {
    await deps.propose(command, input, proposal()).catch((error: unknown) => {
      logger.debug({ err: error }, 'the state of the upstream connection could not be recorded');
    });
  }

  /** With another URL, CA or certificate the connection is made anew: closed first, so that there is one at a time. */
  async function renew(current: Tenure): Promise<void> {
    const [used, now] = [current.target, upstreamNow()];
    if (!used || !now) return;
    const same = used.url === now.url && used.caCert === now.caCert && used.credentials === now.credentials;
    if (!same) await current.reconnect('settings or certificate changed');
  }

  async function stay(current: Tenure): Promise<void> {
    await renew(current);
    const peers = sight.peers();
    const lostMs = current.lostSinceMs === null ? 0 : performance.now() - current.lostSinceMs;
    const { connected: isConnected, triedSince } = current;
    const reachedByOther = peers.some(({ report }) => report?.reachable === true);
    if (!isConnected && reachedByOther && lostMs > 0) current.retry();
    const verdict = reasonToYield({
      own: { isPrimary: deps.config.is_primary },
      takesPart: settings().takesPart,
      drained: !inService() && !alone(),
      ...{ connected: isConnected, lostMs, triedSince, peers },
    });
    if (verdict) await yieldTo(current, verdict.reason, verdict.to);
  }

  async function yieldTo(current: Tenure, reason: TakeoverReason, preferred: number | null): Promise<void> {
    if (reason === 'upstream_lost') punish();
    reach.again();
    const { settled, generation } = current;
    await current.end(reason, STOP_CLOSE_MS);
    tenure = undefined;
    await release({ generation, settled }, reason, preferred);
  }

  async function release(
    { generation, settled }: Pick<Lease, 'generation' | 'settled'>,
    reason: TakeoverReason,
    preferred: number | null = null,
  ): Promise<void> {
    givenUp = generation;
    const input = { ...held(generation), reason, settled, preferred };
    await deps.propose(releaseConnector, input, proposal(stopping ? STOP_RELEASE_MS : PROPOSE_MS));
    logger.info({ generation, reason, preferred }, 'this node has yielded the connection to the upstream');
  }

  /** A primary that could take over but not stay connected is not asked back at once, each time later. */
  function punish(): void {
    penalties += 1;
    penaltyUntilMs = performance.now() + Math.min(600_000, 5_000 * 2 ** penalties);
    readySinceMs = undefined;
  }

  async function standBy(lease: Lease | undefined): Promise<void> {
    const seen = reasonToClaim({
      own: { id: node.id, session, isPrimary: deps.config.is_primary },
      lease,
      leaseAgeMs: performance.now() - leaseSeen.atMs,
      upMs: performance.now() - startedMs,
      members: deps.members().map(({ id }) => id),
      peers: sight.peers(),
    });
    if (!seen || !reach.freshly(FRESH_MS)) return;
    const lostAt =
      lease?.holder === null || !lease ? leaseSeen.wallMs : (sight.lastSeenAt(lease.holder) ?? deps.clock());
    try {
      const input = { nodeId: node.id, session, from: lease?.generation ?? 0, seen };
      const { reason } = (await deps.propose(claimConnector, input, proposal())).result;
      gapBeganAt = reason === 'first' || reason === 'restarted' ? null : lostAt;
      driver.trigger();
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      logger.debug({ err: error }, 'the upstream connection could not be claimed');
    }
  }

  function gatewayNodes(): GatewayNode[] {
    const healths = deps.healths();
    return deps.members().map(({ id, name, version }) => {
      const health = healths.get(id) ?? 'unknown';
      const report = id === node.id ? own() : sight.reportOf(id);
      const role = id === node.id ? 'active' : !report ? 'unknown' : report.takes_part ? 'standby' : 'off';
      return { id, name, role, is_primary: report?.is_primary ?? false, health, version };
    });
  }

  const problem = (): string => {
    const { why } = settings();
    if (why !== '') return why;
    if (tenure && !tenure.connected) return tenure.problem;
    return credentials.problem || (tenure ? '' : reach.problem);
  };

  const unconnected = (): string | undefined =>
    reasonUnconnected(savedSettings(db())?.enabled ?? true, [
      own(),
      ...others().flatMap(({ id }) => sight.reportOf(id) ?? []),
    ]);

  function own(): ConnectorReport {
    const isConnected = tenure?.connected ?? false;
    return {
      session,
      takes_part: takesPart(),
      is_primary: deps.config.is_primary,
      url: publicUrl(settings().url),
      proven: tenure?.proven ?? null,
      connected: isConnected,
      reachable: isConnected ? true : tenure?.triedSince ? false : reach.ok,
      checked_ago_ms: isConnected ? 0 : reach.agoMs,
      ready_ms: readySinceMs === undefined ? 0 : performance.now() - readySinceMs,
      problem: problem().slice(0, 1_000),
      certificate: credentials.current?.view ?? null,
      sees: sight.sees(),
    };
  }

  const isIdle = (): boolean => !tenure && !settings().takesPart && !holds(currentLease(db()));
  const reconciler = {
    name: 'connector',
    run,
    get intervalMs() {
      return isIdle() ? IDLE_MS : TICK_MS;
    },
  };
  const driver = startReconciler(reconciler, logger);
  const unsubscribe = deps.applier.onApplied(({ events }) => {
    if (events.some(({ type }) => WAKES.test(type))) driver.trigger();
  });

  return {
    report: own,
    reportOf: (id) => (id === node.id ? own() : sight.reportOf(id)),
    get figures() {
      const generation = currentLease(db())?.generation ?? 0;
      return { connected: tenure?.connected ?? false, generation, takeovers, eventsSent, lag: tenure?.lag ?? null };
    },
    unconnected,
    reaches: (id) => id === node.id || deps.peer(id)?.reachable === true,
    problem,
    async stop() {
      stopping = true;
      unsubscribe();
      await driver.stop();
      reach.stop();
      const lease = currentLease(db());
      if (tenure) await yieldTo(tenure, 'shutdown', null).catch(() => undefined);
      else if (holds(lease)) await release(lease, 'shutdown').catch(() => undefined);
    },
  };
}

/** The lease is looked up before each message goes out: once for each state. */
function createLeaseReader({ db, applier }: Pick<ConnectorDeps, 'db' | 'applier'>): () => Lease | undefined {
  let known: { db: StateDb; index: number; lease: Lease | undefined } | undefined;
  return () => {
    const now = db();
    const { index } = applier.position;
    if (known?.db !== now || known.index !== index) known = { db: now, index, lease: currentLease(now) };
    return known.lease;
  };
}
