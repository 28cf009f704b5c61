import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What is read when it is scraped. Times are ms since 1970, sizes bytes; null = there is no such thing here. */
/** How backups fare; times in ms, null = there is none. */
export interface BackupFigures {
  readonly lastAt: number | null;
  readonly lastBytes: number | null;
  readonly lastDurationMs: number | null;
  readonly failures: number;
  readonly damaged: number;
}

export interface MetricsSource {
  appliedIndex(): number;
  tipIndex(): number;
  term(): number;
  isLeader(): boolean;
  hasLeader(): boolean;
  quorumHeld(): boolean;
  ready(): boolean;
  leaderChanges(): number;
  queuedCommands(): number;
  voters(): number;
  members(): readonly { readonly name: string; readonly lag: number | null; readonly healthy: boolean }[];
  stateBytes(): number;
  etcdDbBytes(): number | null;
  /** Names of the alarms that stand. */
  alarms(): readonly string[];
  certificates(): readonly { readonly kind: string; readonly expiresAt: number }[];
  backups(): BackupFigures;
  webhooks(): readonly { readonly name: string; readonly waiting: number; readonly dead: number }[];
}

export type WebhookOutcome = 'delivered' | 'failed' | 'dead';

/** Prometheus metrics of this process and its replica. */
export interface Metrics {
  readonly registry: Registry;
  observe(route: string, method: string, status: number, seconds: number): void;
  /** A proposal came to its end, whatever it was. */
  proposed(outcome: 'ok' | 'failed', seconds: number): void;
  /** Time that the state's own functions took for one command. */
  applying(seconds: number): void;
  entryApplied(commands: number): void;
  eventStreams(change: 1 | -1): void;
  webhookOutcome(outcome: WebhookOutcome): void;
  /** Registers the gauges; once, as soon as there is something to read. */
  watch(source: MetricsSource): void;
}

const HTTP_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const PROPOSAL_BUCKETS = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 5];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const requests = new Histogram({
    name: 'quorate_http_request_duration_seconds',
    help: 'Time from the parsed request to the finished answer',
    labelNames: ['route', 'method', 'status'],
    buckets: HTTP_BUCKETS,
    registers,
  });
  const proposals = new Histogram({
    name: 'quorate_proposal_duration_seconds',
    help: 'Time from the proposal of a command to its outcome',
    labelNames: ['outcome'],
    buckets: PROPOSAL_BUCKETS,
    registers,
  });
  const settled = { ok: proposals.labels('ok'), failed: proposals.labels('failed') };
  const entries = counter('quorate_entries_applied_total', 'Log entries applied since the start');
  const commands = counter('quorate_commands_applied_total', 'Commands applied since the start');
  const applySeconds = counter('quorate_apply_seconds_total', 'Time spent in the functions that apply commands');
  const streams = new Gauge({ name: 'quorate_event_streams', help: 'Open event streams', registers });
  const outcomes = counter('quorate_webhook_deliveries_total', 'Attempts and outcomes of webhook deliveries', [
    'outcome',
  ]);
  return {
    registry,
    observe: (route, method, status, seconds) => requests.observe({ route, method, status: String(status) }, seconds),
    proposed: (outcome, seconds) => settled[outcome].observe(seconds),
    applying: (seconds) => applySeconds.inc(seconds),
    entryApplied(count) {
      entries.inc();
      commands.inc(count);
    },
    eventStreams: (change) => streams.inc(change),
    webhookOutcome: (outcome) => outcomes.inc({ outcome }),
    watch: (source) => registerGauges(registry, source),
  };
}

function registerGauges(registry: Registry, source: MetricsSource): void {
  const registers = [registry];
  /** A gauge without labels; no sample where there is nothing to measure. */
  const single = (name: string, help: string, read: () => number | boolean | null): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read();
        if (value === null) this.remove();
        else this.set(Number(value));
      },
    });
  };
  /** A gauge with one label, whose values are read as pairs. */
  const each = (name: string, help: string, label: string, read: () => (readonly [string, number])[]): void => {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, number] of read()) this.set({ [label]: value }, number);
      },
    });
  };
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

  single('quorate_applied_index', 'Last log index applied on this node', source.appliedIndex);
  single('quorate_tip_index', 'Highest log index this node knows of', source.tipIndex);
  single('quorate_term', 'Raft term', source.term);
  single('quorate_is_leader', '1 on the leader', source.isLeader);
  single('quorate_has_leader', '1 while this node knows a leader', source.hasLeader);
  single('quorate_quorum_held', '1 while a quorum is reachable', source.quorumHeld);
  single('quorate_ready', '1 while /readyz answers 200', source.ready);
  single(
    'quorate_leader_changes_total',
    'Changes of leadership this node has seen since its start',
    source.leaderChanges,
  );
  single('quorate_queued_commands', 'Commands proposed here and not settled yet', source.queuedCommands);
  single('quorate_voters', 'Voters in the membership', source.voters);
  each('quorate_member_lag_entries', 'Entries a member is behind the tip this node knows of', 'member', () =>
    source.members().flatMap(({ name, lag }) => (lag === null ? [] : [[name, lag] as const])),
  );
  each('quorate_member_healthy', '1 for a member that this node sees as healthy or catching up', 'member', () =>
    source.members().map(({ name, healthy }) => [name, Number(healthy)] as const),
  );
  single('quorate_state_bytes', 'Size of the state file and its write-ahead log', source.stateBytes);
  single('quorate_etcd_db_bytes', 'Size of the database of this node’s etcd', source.etcdDbBytes);
  each('quorate_alarm', '1 for each alarm that stands', 'alarm', () =>
    source.alarms().map((name) => [name, 1] as const),
  );
  each('quorate_certificate_expiry_timestamp_seconds', 'When a certificate expires', 'certificate', () =>
    source.certificates().map(({ kind, expiresAt }) => [kind, expiresAt / 1000] as const),
  );
  single('quorate_last_backup_timestamp_seconds', 'When the last backup was completed', () =>
    seconds(source.backups().lastAt),
  );
  single('quorate_last_backup_bytes', 'Size of the last backup', () => source.backups().lastBytes);
  single('quorate_last_backup_duration_seconds', 'How long the last backup took', () =>
    seconds(source.backups().lastDurationMs),
  );
  single(
    'quorate_backup_failures',
    'Backups that failed since the last one that was completed',
    () => source.backups().failures,
  );
  single('quorate_backups_damaged', 'Stored backups that were found to be damaged', () => source.backups().damaged);
  each('quorate_webhook_waiting_events', 'Events that a webhook has not got yet', 'webhook', () =>
    source.webhooks().map(({ name, waiting }) => [name, waiting] as const),
  );
  each('quorate_webhook_dead_letters', 'Events that were given up for a webhook', 'webhook', () =>
    source.webhooks().map(({ name, dead }) => [name, dead] as const),
  );
}
