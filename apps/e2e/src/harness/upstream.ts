import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { QuorateEvent } from '@quorate/shared/events';
import type { Daemon } from './daemon';
import { createOperatorPki } from './operator-pki';
import { ROOT } from './paths';
import type { Workspace } from './workspace';

/** A connection that the example upstream has accepted; times on the clock of `performance.now()`. */
export interface Accepted {
  readonly generation: number;
  readonly node: { readonly id: number; readonly name: string };
  readonly reason: string;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly ended: '' | 'closed' | 'superseded';
  /** The one before was still open when this one came. */
  readonly superseded: boolean;
  /** Messages that came after it had been superseded. */
  readonly late: number;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Gateway {
  readonly cluster: { readonly id: string; readonly name: string };
  readonly nodes: readonly { readonly name: string; readonly role: string; readonly is_primary: boolean }[];
  readonly events: readonly QuorateEvent[];
  readonly received: number;
  readonly missed: number;
}

/** examples/upstream in this process. */
export interface ExampleUpstream {
  readonly url: string;
  readonly pageUrl: string;
  /** PEM of the CA that its certificate comes from. */
  readonly ca: string;
  readonly gateways: {
    readonly history: readonly Accepted[];
    readonly gateways: ReadonlyMap<string, Gateway>;
    on(event: 'event', listener: (gateway: Gateway, event: QuorateEvent) => void): void;
    call(
      cluster: string,
      request: { method: string; path: string; headers?: Record<string, string>; body?: string },
    ): Promise<UpstreamAnswer>;
  };
  close(): Promise<void>;
}

interface Example {
  startUpstream(options: object): Promise<Omit<ExampleUpstream, 'ca'>>;
}

/** Starts the example upstream on TLS at `host`; it lets in whoever has a certificate of the cluster's CA. */
export async function startUpstream(workspace: Workspace, host: string, clusterCa: string): Promise<ExampleUpstream> {
  const file = join(ROOT, 'examples/upstream/server.mjs');
  const example = (await import(pathToFileURL(file).href)) as Example;
  const pki = createOperatorPki(workspace, 'upstream-pki');
  pki.issueByOpenssl({ spec: { host } } as Daemon, 1, { cn: 'upstream', eku: 'serverAuth' });
  const read = (name: string): string => readFileSync(join(pki.dir, name), 'utf8');
  const upstream = await example.startUpstream({
    gateway: { host, port: 0 },
    page: { host: '127.0.0.1', port: 0 },
    tls: { cert: read('node-1.crt'), key: read('node-1.key'), ca: clusterCa },
  });
  workspace.defer(() => void upstream.close());
  return Object.assign(upstream, { ca: read('ca.crt') });
}
