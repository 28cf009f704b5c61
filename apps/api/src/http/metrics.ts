import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricsSource {
  appliedIndex(): number;
  tipIndex(): number;
  isLeader(): boolean;
  quorumHeld(): boolean;
  queuedCommands(): number;
  voters(): number;
}

export interface Metrics {
  readonly registry: Registry;
  observe(route: string, method: string, status: number, seconds: number): void;
}

/** Prometheus metrics of this process and its replica. Gauges are read when they are scraped. */
export function createMetrics(source: MetricsSource): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge('quorate_applied_index', 'Last log index applied on this node', source.appliedIndex);
  gauge('quorate_tip_index', 'Highest log index this node knows of', source.tipIndex);
  gauge('quorate_is_leader', '1 on the leader', () => Number(source.isLeader()));
  gauge('quorate_quorum_held', '1 while a quorum is reachable', () => Number(source.quorumHeld()));
  gauge('quorate_queued_commands', 'Commands proposed here and not settled yet', source.queuedCommands);
  gauge('quorate_voters', 'Voters in the membership', source.voters);
  const requests = new Histogram({
    name: 'quorate_http_request_duration_seconds',
    help: 'Time from the parsed request to the finished answer',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  return {
    registry,
    observe: (route, method, status, seconds) => requests.observe({ route, method, status: String(status) }, seconds),
  };
}
