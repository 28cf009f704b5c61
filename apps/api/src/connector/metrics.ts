import { Counter, Gauge, type Registry } from 'prom-client';
import type { ConnectorFigures } from './connector';

/** Registers what a node knows of the connection to the upstream. `read`: undefined before the connector has started. */
export function registerConnector(registry: Registry, read: () => ConnectorFigures | undefined): void {
  const registers = [registry];
  function gauge(name: string, help: string, value: (figures: ConnectorFigures) => number | null): void {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        const figures = read();
        const now = figures ? value(figures) : null;
        if (now === null) this.remove();
        else this.set(now);
      },
    });
  }
  function counter(name: string, help: string, value: (figures: ConnectorFigures) => number): void {
    new Counter({
      ...{ name, help, registers },
      collect() {
        this.reset();
        const figures = read();
        if (figures) this.inc(value(figures));
      },
    });
  }
  gauge('quorate_connector_connected', '1 where the connection to the upstream is', ({ connected }) =>
    Number(connected),
  );
  gauge('quorate_connector_generation', 'Fencing number of the upstream connection', ({ generation }) => generation);
  counter(
    'quorate_connector_takeovers_total',
    'How often this process has become the active node towards the upstream',
    ({ takeovers }) => takeovers,
  );
  counter('quorate_connector_events_sent_total', 'Events sent to the upstream', ({ eventsSent }) => eventsSent);
  gauge(
    'quorate_connector_event_lag',
    'Events that the upstream was not sent yet, at the active node',
    ({ lag }) => lag,
  );
}
