import { describe, expect, it } from 'vitest';
import { type Holding, type PeerSight, reasonToClaim, reasonToYield, reasonUnconnected, type Standby } from './plan';
import type { Lease } from './queries';
import type { ConnectorReport } from './report';

const report = (more: Partial<ConnectorReport> = {}): ConnectorReport => ({
  ...{ session: 's', takes_part: true, is_primary: false, url: '', proven: null, connected: false, reachable: true },
  ...{ checked_ago_ms: 100, ready_ms: 60_000, problem: '', certificate: null, sees: null },
  ...more,
});
const peer = (id: number, more: Partial<PeerSight> = {}): PeerSight => ({
  ...{ id, reachable: true, report: report(), unprovenMs: 0, reportAgoMs: 100 },
  ...more,
});
const lease = (more: Partial<Lease> = {}): Lease => ({
  ...{ id: 1, generation: 7, holder: 1, session: 'one', settled: true, reason: 'first', preferred: null },
  ...{ changedAt: 0, connectedAt: 0 },
  ...more,
});
/** Node 2 of three, on standby while node 1 is active. */
const standby = (more: Partial<Standby> = {}): Standby => ({
  own: { id: 2, session: 'two', isPrimary: false },
  lease: lease(),
  leaseAgeMs: 60_000,
  upMs: 60_000,
  members: [1, 2, 3],
  peers: [peer(1), peer(3)],
  ...more,
});

describe('when a standby claims', () => {
  const gone = peer(1, { reachable: false, reportAgoMs: 2_000 });
  it.each<[string, Partial<Standby>, string | undefined]>([
    ['not while the active one answers', {}, undefined],
    ['when it answers nobody', { peers: [gone, peer(3)] }, 'node_lost'],
    ['not when another node hears of it', { peers: [gone, peer(3, { report: report({ sees: 7 }) })] }, undefined],
    [
      'not for what that node heard of before',
      { peers: [gone, peer(3, { report: report({ sees: 6 }) })] },
      'node_lost',
    ],
    [
      'not for what is heard of one that is gone too',
      { peers: [gone, peer(3, { reachable: false, report: report({ sees: 7 }) })] },
      'node_lost',
    ],
    ['not before anybody could have answered', { peers: [gone, peer(3)], upMs: 1_000 }, undefined],
    ['when it cannot prove its lease', { peers: [peer(1, { unprovenMs: 2_500 }), peer(3)] }, 'quorum_lost'],
    ['when it was removed', { members: [2, 3] }, 'node_removed'],
    ['when the lease is its own, of a process before', { lease: lease({ holder: 2 }) }, 'restarted'],
    ['not when it is its own', { lease: lease({ holder: 2, session: 'two' }) }, undefined],
    ['when it is free', { lease: lease({ holder: null, reason: 'shutdown' }) }, 'shutdown'],
    ['when there was none', { lease: undefined }, 'first'],
    [
      'not at once when it was given up for another one',
      { lease: lease({ holder: null, reason: 'primary_back', preferred: 3 }), leaseAgeMs: 500 },
      undefined,
    ],
    [
      'but when that one does not come',
      { lease: lease({ holder: null, reason: 'primary_back', preferred: 3 }), leaseAgeMs: 3_000 },
      'primary_back',
    ],
    [
      'after those that rank before it',
      { own: { id: 3, session: 'x', isPrimary: false }, lease: lease({ holder: null }), leaseAgeMs: 200 },
      undefined,
    ],
    [
      'before others as the primary',
      { own: { id: 3, session: 'x', isPrimary: true }, lease: lease({ holder: null }), leaseAgeMs: 0 },
      'first',
    ],
  ])('%s', (_, more, expected) => expect(reasonToClaim(standby(more))).toBe(expected));
});

describe('when the active node yields', () => {
  const holding = (more: Partial<Holding> = {}): Holding => ({
    ...{ own: { isPrimary: false }, takesPart: true, drained: false, connected: true, lostMs: 0, triedSince: false },
    peers: [peer(2), peer(3)],
    ...more,
  });
  const lost = { connected: false, lostMs: 4_000, triedSince: true };
  const primary = (more: Partial<ConnectorReport> = {}) => peer(3, { report: report({ is_primary: true, ...more }) });
  it.each<[string, Partial<Holding>, object | undefined]>([
    ['not while it is connected', {}, undefined],
    ['when it is switched off', { takesPart: false }, { reason: 'settings', to: null }],
    ['when it is drained', { drained: true }, { reason: 'drained', to: 2 }],
    ['to a primary that is well', { peers: [peer(2), primary()] }, { reason: 'primary_back', to: 3 }],
    ['not to one that has only just come', { peers: [peer(2), primary({ ready_ms: 1_000 })] }, undefined],
    ['not to one that does not reach it', { peers: [peer(2), primary({ reachable: false })] }, undefined],
    ['not as a primary itself', { own: { isPrimary: true }, peers: [primary()] }, undefined],
    ['to one that has reached the upstream since', lost, { reason: 'upstream_lost', to: 2 }],
    ['not before it has tried again', { ...lost, triedSince: false }, undefined],
    ['not when nobody reaches it', { ...lost, peers: [peer(2, { report: report({ reachable: false }) })] }, undefined],
    [
      'not for what another one found out before',
      { ...lost, peers: [peer(2, { report: report({ checked_ago_ms: 9_000 }) })] },
      undefined,
    ],
  ])('%s', (_, more, expected) => expect(reasonToYield(holding(more))).toEqual(expected));
});

describe('nobody is connected', () => {
  const named = { url: 'wss://up.example/' };
  it.each<[string, boolean, Partial<ConnectorReport>[], string | undefined]>([
    ['for a reason that a node tells', true, [named, { ...named, problem: 'refused' }], 'refused'],
    ['since no node is active', true, [named, {}], 'no node has become the active one'],
    ['and shall not be: it is switched off', false, [named], undefined],
    ['and shall not be: no upstream is named', true, [{}, { problem: 'no upstream is named' }], undefined],
    [
      'here, but elsewhere',
      true,
      [
        { ...named, problem: 'refused' },
        { ...named, connected: true },
      ],
      undefined,
    ],
  ])('%s', (_, enabled, reports, expected) => expect(reasonUnconnected(enabled, reports.map(report))).toBe(expected));
});
