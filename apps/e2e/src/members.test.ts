import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { auditRoutes } from '@quorate/shared/audit';
import { clusterRoutes } from '@quorate/shared/cluster';
import { healthRoutes } from '@quorate/shared/health';
import { HEADER } from '@quorate/shared/http-headers';
import { type JoinToken, joinTokenRoutes } from '@quorate/shared/join-tokens';
import { setupRoutes } from '@quorate/shared/setup';
import { describe, expect, it } from 'vitest';
import { ADMIN, type MintedToken } from './harness/cluster';
import type { Daemon, Settings } from './harness/daemon';
import { addNodes, useCluster } from './harness/suite';
import { tapListener } from './harness/tapped-listener';
import { until } from './harness/until';
import { refusalOf, sees, write } from './harness/writes';

describe('membership', () => {
  /** Minted first: the shortest life of a token is a minute. */
  let shortLived: MintedToken | undefined;
  const suite = useCluster(async ({ cluster, workspace }) => {
    addNodes({ cluster, workspace }, 3);
    const founder = cluster.node(0);
    await founder.start();
    // No admin yet: the agent socket is the way in.
    shortLived = await founder.local().call(joinTokenRoutes.create, { body: { ttl_seconds: 60 } });
    await cluster.join(cluster.node(1));
  });
  const { cluster, workspace } = suite;
  /** Until a node is seen to be gone, it counts as healthy. */
  const untilGone = (node: Daemon, at: Daemon): Promise<true> =>
    until(`${at.name} notices that ${node.name} is gone`, async () => {
      const { members } = await cluster.view(at);
      return members.find((member) => member.name === node.name)?.health === 'unreachable' || undefined;
    });
  const admin = (at: Daemon = cluster.node(0)) => at.client();
  let strangers = 20;

  it('lets one of two nodes that race for the setup win', async () => {
    const attempt = async (node: Daemon, username: string): Promise<{ status: number; code: string }> => {
      const body = { cluster_name: node.name, username, password: cluster.password };
      try {
        const answer = await node.local().callFull(setupRoutes.create, { body });
        return { status: answer.status, code: '' };
      } catch (error) {
        const { status, code } = error as { status: number; code: string };
        return { status, code };
      }
    };
    const results = await Promise.all([attempt(cluster.node(0), ADMIN), attempt(cluster.node(1), ADMIN)]);
    expect(results.sort((a, b) => a.status - b.status)).toEqual([
      { status: 201, code: '' },
      { status: 409, code: 'already_set_up' },
    ]);
    await cluster.signIn(cluster.node(1));
    await cluster.join(cluster.node(2));
    await cluster.waitHealthy(3);
  });

  /** Starts a node that must not get in; gives its log. It ends by itself with status 1. */
  async function joinRefused(target: { token: string; fingerprint: string }, more: Settings = {}): Promise<string> {
    const index = strangers++;
    const stranger = cluster.add({ name: `stranger-${index}`, host: workspace.loopback(index) });
    cluster.nodes.pop();
    cluster.spawnJoiner(stranger, { via: cluster.node(0), ...target }, more);
    expect(await stranger.ended(60_000), stranger.logTail()).toBe(1);
    return stranger.logTail();
  }

  const listTokens = async (): Promise<Map<string, JoinToken>> => {
    const { items } = await admin().call(joinTokenRoutes.list, { query: { limit: 500 } });
    return new Map(items.map((token) => [token.id, token]));
  };

  it('refuses joiners with a reason of its own for each, and burns no use of a token', async () => {
    const good = await cluster.mint();
    const revoked = await cluster.mint();
    await admin().call(joinTokenRoutes.revoke, { params: { id: revoked.id } });
    const named = await cluster.mint({ node_name: 'somebody-else' });
    const numbered = await cluster.mint({ node_id: 42 });
    const elsewhere = await cluster.mint({ allowed_cidrs: ['192.0.2.0/24'] });
    const runner = await cluster.mint({ kind: 'runner' });
    const fingerprint = good.ca_fingerprint;
    const cases: [string, { token: string; fingerprint: string }, RegExp, Settings?][] = [
      ['a revoked token', { token: revoked.token, fingerprint }, /was revoked/],
      ['a token for another name', { token: named.token, fingerprint }, /for the node named somebody-else/],
      ['a token for another id', { token: numbered.token, fingerprint }, /for node id 42/, { 'node.id': '41' }],
      ['a token for another network', { token: elsewhere.token, fingerprint }, /the token allows 192\.0\.2\.0\/24/],
      ['a runner token', { token: runner.token, fingerprint }, /runner token/],
      ['an unknown token', { token: `qj_${'A'.repeat(43)}`, fingerprint }, /not known/],
      ['a name that is taken', { token: good.token, fingerprint }, /node-2/, { 'node.name': 'node-2' }],
      ['another cluster.token', { token: good.token, fingerprint }, /cluster\.token/, { 'cluster.token': 'other' }],
    ];
    for (const [what, target, reason, more] of cases) {
      expect(await joinRefused(target, more), what).toMatch(reason);
    }
    const tokens = await listTokens();
    for (const { id } of [good, revoked, named, numbered, elsewhere, runner]) {
      expect(tokens.get(id)).toMatchObject({ uses: 0, redemptions: [] });
    }
    expect((await cluster.view()).members).toHaveLength(3);
  });

  it('sends the token to nobody whose CA has another fingerprint', async () => {
    const minted = await cluster.mint();
    const impostor = await tapListener(workspace, cluster.node(1), workspace.loopback(90));
    const tapped = { 'cluster.join.url': `https://${workspace.loopback(90)}:7000`, 'cluster.join.timeout': '5s' };
    const wrong = `sha256:${'0'.repeat(64)}`;
    expect(await joinRefused({ token: minted.token, fingerprint: wrong }, tapped)).toMatch(
      /does not show the expected CA sha256:0+; .*The token was not sent/,
    );
    expect(impostor.connections()).toBeGreaterThan(0);
    expect(impostor.heard()).toBe('');
    // The tap works: under the right fingerprint it hears the token.
    await joinRefused({ token: minted.token, fingerprint: minted.ca_fingerprint }, tapped);
    expect(impostor.heard()).toContain(minted.token);
    expect((await listTokens()).get(minted.id)).toMatchObject({ uses: 0 });
  });

  it('transfers leadership to a member, and to the best one', async () => {
    const [target] = (await cluster.followers()) as [Daemon];
    const from = await cluster.idOf(await cluster.leader());
    const to = await cluster.idOf(target);
    const moved = await admin().call(clusterRoutes.transferLeadership, { body: { to } });
    expect(moved).toMatchObject({ from, to });
    expect(await cluster.leader()).toBe(target);
    await cluster.waitHealthy(3);
    // Asked again under its key, on any node: the same answer, and leadership stays where it went.
    const headers = { [HEADER.idempotencyKey]: randomUUID() };
    const byKey = await admin().call(clusterRoutes.transferLeadership, { body: {}, headers });
    await cluster.waitHealthy(3);
    for (const node of cluster.nodes) {
      expect(await admin(node).call(clusterRoutes.transferLeadership, { body: {}, headers })).toEqual(byKey);
    }
    expect(await cluster.idOf(await cluster.leader())).toBe(byKey.to);
    await admin().call(clusterRoutes.transferLeadership, { body: { to } });
    await cluster.waitHealthy(3);
    const away = await admin().call(clusterRoutes.transferLeadership, { body: {} });
    expect(away.from).toBe(to);
    expect(away.to).not.toBe(to);
    const { items } = await admin().call(auditRoutes.list, { query: { action: 'leadership.transfer' } });
    expect(items[0]).toMatchObject({ actor: ADMIN, target: `node ${away.to}`, outcome: 'ok' });
    const again = await refusalOf(admin().call(clusterRoutes.transferLeadership, { body: { to: away.to } }));
    expect(again).toMatchObject({ status: 409, code: 'conflict' });
    const unknown = await refusalOf(admin().call(clusterRoutes.transferLeadership, { body: { to: 63 } }));
    expect(unknown).toMatchObject({ status: 404, code: 'not_found' });
    // It would hand leadership over again at once.
    const aside = (await cluster.followers())[0] as Daemon;
    const id = await cluster.idOf(aside);
    await admin().call(clusterRoutes.drainMember, { params: { id } });
    const refused = await refusalOf(admin().call(clusterRoutes.transferLeadership, { body: { to: id } }));
    expect(refused).toMatchObject({ status: 409, code: 'conflict', message: expect.stringMatching(/drained/) });
    await admin().call(clusterRoutes.resumeMember, { params: { id } });
  });

  it('refuses a removal that would break the quorum, previewed and for real', async () => {
    const followers = await cluster.followers();
    const [dead, healthy] = followers as [Daemon, Daemon];
    const leader = await cluster.leader();
    await dead.killAll();
    await untilGone(dead, leader);
    const id = await cluster.idOf(healthy, leader);
    const remove = { params: { id } };
    const preview = await admin(leader).call(clusterRoutes.removeMember, { ...remove, query: { dry_run: 'true' } });
    expect(preview).toMatchObject({
      dry_run: true,
      allowed: false,
      before: { voters: 3, needed: 2, healthy: 2, tolerated: 0 },
      after: { voters: 2, needed: 2, healthy: 1, tolerated: -1 },
      refusal: { code: 'quorum_would_be_lost' },
    });
    const refusal = await refusalOf(admin(leader).call(clusterRoutes.removeMember, remove));
    expect(refusal).toMatchObject({ status: 409, code: 'quorum_would_be_lost' });
    expect((await cluster.view(leader)).members).toHaveLength(3);

    const deadId = await cluster.idOf(dead, leader);
    const unforced = await refusalOf(admin(leader).call(clusterRoutes.removeMember, { params: { id: deadId } }));
    expect(unforced).toMatchObject({ status: 409, code: 'member_unhealthy' });
    await cluster.restart(dead);
    await cluster.waitHealthy(3);
  });

  it('removes a member, which is fenced and says so, and lets it join afresh', async () => {
    const [removed] = (await cluster.followers()) as [Daemon];
    const leader = await cluster.leader();
    const id = await cluster.idOf(removed, leader);
    const result = await admin(leader).call(clusterRoutes.removeMember, { params: { id } });
    expect(result).toMatchObject({ dry_run: false, after: { voters: 2, needed: 2 } });
    await removed.waitForLog(/this node was removed from the cluster/);
    await until('it is not ready', async () => {
      const refusal = await refusalOf(removed.client().call(healthRoutes.ready, { query: { verbose: '1' } }));
      return refusal.status === 503;
    });
    await until('its etcd has ended', () => removed.etcdPid() === undefined);
    await until('it speaks of itself, not of a cluster that it does not see', async () => {
      const { quorum } = await removed.local().call(clusterRoutes.get, {});
      return !quorum.held && quorum.sentence.startsWith('This node was removed');
    });
    const refused = await refusalOf(write(removed.local(20_000), 'from-a-removed-node'));
    expect(refused.status).toBe(503);
    const written = await write(admin(leader), 'after-the-removal');
    await expect(sees(removed.local(), written)).rejects.toThrow();
    await removed.stop();

    // Its old identity stays out.
    const minted = await cluster.mint({}, leader);
    const target = { via: leader, token: minted.token, fingerprint: minted.ca_fingerprint };
    const from = removed.log().length;
    removed.spawn(cluster.joinSettings(removed, target));
    await removed.waitForLog(/this node was removed from the cluster|the cluster (has )?removed this member/, { from });
    await removed.stop();

    rmSync(removed.dataDir, { recursive: true, force: true });
    cluster.spawnJoiner(removed, target);
    await removed.waitLive();
    await cluster.waitForVoter(removed.name, leader);
    await removed.waitReady();
    expect(await cluster.idOf(removed, leader)).toBeGreaterThan(Math.max(3, id));
    expect(await sees(removed.client(), written)).toBe(true);
    await cluster.waitHealthy(3);
  });

  it('removes a dead member only by force; started again, it finds that it is out', async () => {
    const [dead] = (await cluster.followers()) as [Daemon];
    const leader = await cluster.leader();
    await dead.killAll();
    const id = await cluster.idOf(dead, leader);
    await untilGone(dead, leader);
    await admin(leader).call(clusterRoutes.removeMember, { params: { id }, query: { force: 'true' } });
    await until('two healthy voters are left', async () => {
      const { quorum } = await cluster.view(leader);
      return quorum.voters === 2 && quorum.healthy === 2;
    });
    await write(admin(leader), 'without-the-dead-one');
    const from = dead.log().length;
    dead.spawn();
    await dead.waitForLog(/this node was removed from the cluster|the cluster (has )?removed this member/, { from });
    await dead.waitLive();
    const refused = await refusalOf(write(dead.local(20_000), 'from-the-dead'));
    expect(refused.status).toBe(503);
  });

  // Last: by now the short life is over, or nearly.
  it('refuses a used-up token and an expired one', async () => {
    const used = [...(await listTokens()).values()].find((token) => token.status === 'used_up');
    expect(used).toMatchObject({ uses: 1, max_uses: 1 });
    const expired = shortLived as MintedToken;
    await until('the token has expired', () => Date.now() > Date.parse(expired.expires_at), { boundMs: 70_000 });
    const log = await joinRefused({ token: expired.token, fingerprint: expired.ca_fingerprint });
    expect(log).toMatch(/expired at/);
    expect((await listTokens()).get(expired.id)).toMatchObject({ uses: 0, status: 'expired' });
  });
});
