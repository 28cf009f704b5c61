import { upstreamUrlProblem } from '@quorate/shared/connector';
import type { Role } from '@quorate/shared/route';
import type { StateDb } from '../db/state-store';
import { savedSettings } from './queries';

/** The section `connector` of this node's configuration. */
export interface ConnectorConfig {
  readonly url: string;
  readonly ha_enabled: boolean;
  readonly is_primary: boolean;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** What holds for this node: the saved settings, and its own configuration where that says more. */
export interface Effective {
  /** Empty = there is no upstream. */
  readonly url: string;
  /** Whether this node connects when it is its turn. */
  readonly takesPart: boolean;
  /** Why it does not, with the cure; empty when it does. */
  readonly why: string;
  readonly role: Role;
  /** PEM; empty = the CAs that Node.js trusts. */
  readonly caCert: string;
}

/** `http` and `https` are taken for the WebSocket schemes that go over them. */
const asWebSocket = (url: string): string => url.replace(/^http(s?):/i, 'ws$1:');

/** What wins: `enabled: false` over everything, then the node's own `connector.url`, then what was saved. */
export function effectiveSettings(db: StateDb, config: ConnectorConfig, alone: boolean): Effective {
  const saved = savedSettings(db);
  const url = asWebSocket(config.url || (saved?.url ?? ''));
  const ha = config.ha_enabled || (saved?.ha_enabled ?? false);
  const why = whyNot({ enabled: saved?.enabled ?? true, url, mayTake: ha || config.is_primary || alone });
  return { url, takesPart: why === '', why, role: saved?.role ?? 'viewer', caCert: saved?.ca_cert ?? '' };
}

function whyNot({ enabled, url, mayTake }: { enabled: boolean; url: string; mayTake: boolean }): string {
  if (!enabled) return 'the connection is switched off in the settings';
  if (url === '') return 'no upstream is named; set its URL in the settings, or connector.url on this node';
  if (!mayTake) return 'this node is not to connect; set connector.is_primary on it, or switch HA on';
  return upstreamUrlProblem(url, { shared: false }) ?? '';
}

/** A URL as it may be shown and logged. */
export function publicUrl(url: string): string {
  if (!URL.canParse(url)) return '';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
