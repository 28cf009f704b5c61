import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@quorate/shared/client';
import { type Cluster as ClusterView, clusterRoutes } from '@quorate/shared/cluster';
import { joinTokenRoutes } from '@quorate/shared/join-tokens';
import type { SchemaInput } from '@quorate/shared/route';
import { sessionRoutes } from '@quorate/shared/session';
import { setupRoutes } from '@quorate/shared/setup';
import { Daemon, type DaemonSpec, type Settings } from './daemon';
import { until } from './until';
import type { Workspace } from './workspace';

export const ADMIN = 'admin';
type MintBody = NonNullable<SchemaInput<typeof joinTokenRoutes.create.body>>;
export type MintedToken = Awaited<ReturnType<typeof mintToken>>;

export const mintToken = (client: Client, body: MintBody = {}) => client.call(joinTokenRoutes.create, { body });

/** What a joiner is told: where, by which token and under which CA. */
export interface JoinTarget {
  readonly via: Daemon;
  readonly token: string;
  readonly fingerprint: string;
}

/** Some daemons that are, or are to become, one cluster. */
export class Cluster {
  readonly password = randomBytes(12).toString('base64url');
  readonly nodes: Daemon[] = [];
  token: string | undefined;

  constructor(readonly workspace: Workspace) {}

  /** Another daemon of this cluster; nothing is started. */
  add(spec: DaemonSpec): Daemon {
    const daemon = new Daemon(this.workspace, spec);
    daemon.useToken(() => this.token);
    this.nodes.push(daemon);
    return daemon;
  }

  node(index: number): Daemon {
    const found = this.nodes[index];
    if (!found) throw new Error(`there is no node ${index}`);
    return found;
  }

  /** Starts the first node and creates the first admin. */
  async found(): Promise<void> {
    const first = this.node(0);
    await first.start();
    await this.setUp(first);
    await this.signIn(first);
  }

  async setUp(daemon: Daemon): Promise<void> {
    const { setup_code } = await daemon.local().call(setupRoutes.code, {});
    const body = { cluster_name: 'e2e', username: ADMIN, password: this.password, setup_code };
    await daemon.client().call(setupRoutes.create, { body });
  }

  async signIn(daemon: Daemon): Promise<void> {
    const body = { username: ADMIN, password: this.password };
    this.token = (await daemon.client().call(sessionRoutes.create, { body })).token ?? undefined;
  }

  async mint(body: MintBody = {}, at = this.node(0)): Promise<MintedToken> {
    return mintToken(at.client(), body);
  }

  /** Writes the token where the joiner finds it and starts the joiner, without waiting for anything. */
  spawnJoiner(joiner: Daemon, target: JoinTarget, more: Settings = {}): void {
    joiner.spawn({ ...this.joinSettings(joiner, target), ...more });
  }

  joinSettings(joiner: Daemon, { via, token, fingerprint }: JoinTarget): Settings {
    const tokenPath = join(this.workspace.dir, `${joiner.name}.join-token`);
    mkdirSync(joiner.dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(tokenPath, token, { mode: 0o600 });
    return {
      'cluster.mode': 'join',
      'cluster.join.url': `https://${via.clusterAddress}`,
      'cluster.join.token_path': tokenPath,
      'cluster.join.ca_fingerprint': fingerprint,
    };
  }

  /** Lets a daemon join by a fresh token and waits until it is a voter. Gives the time it took, ms. */
  async join(joiner: Daemon, via = this.node(0)): Promise<number> {
    const started = await this.#admit(joiner, via);
    await this.#waitForVote(joiner, via);
    return performance.now() - started;
  }

  /** Founds the cluster with the first daemon; the others join in their order, each while the one before gets its vote. */
  async grow(): Promise<void> {
    await this.found();
    const founder = this.node(0);
    const joiners = this.nodes.slice(1);
    for (const joiner of joiners) await this.#admit(joiner, founder);
    for (const joiner of joiners) await this.#waitForVote(joiner, founder);
  }

  /** Starts a joiner with a fresh token and waits until it is a member, if without a vote. Gives when it was started. */
  async #admit(joiner: Daemon, via: Daemon): Promise<number> {
    const minted = await mintToken(this.#admin(via));
    const started = performance.now();
    this.spawnJoiner(joiner, { via, token: minted.token, fingerprint: minted.ca_fingerprint });
    await joiner.waitLive();
    return started;
  }

  async #waitForVote(joiner: Daemon, via: Daemon): Promise<void> {
    await this.waitForVoter(joiner.name, via);
    await joiner.waitReady();
  }

  /** Starts a member that has been a member before. */
  async restart(daemon: Daemon, settings: Settings = {}): Promise<void> {
    await daemon.start(settings);
    await daemon.waitReady();
  }

  view(at = this.node(0)): Promise<ClusterView> {
    return this.#admin(at).call(clusterRoutes.get, {});
  }

  /** Before the first admin exists, the agent socket is the way in. */
  #admin(at: Daemon): Client {
    return this.token ? at.client(5_000) : at.local(5_000);
  }

  async waitForVoter(name: string, at = this.node(0)): Promise<void> {
    await until(`${name} is a voter, says ${at.name}`, async () => {
      const { members } = await this.view(at);
      return members.some((member) => member.name === name && member.suffrage === 'voter');
    });
  }

  /** Every running node sees `voters` healthy voters and the same leader. */
  async waitHealthy(voters: number): Promise<void> {
    for (const node of this.running()) {
      await until(`${node.name} sees ${voters} healthy voters`, async () => {
        const { quorum, leader_id } = await this.view(node);
        return quorum.held && leader_id !== null && quorum.voters === voters && quorum.healthy === voters;
      });
    }
  }

  running(): Daemon[] {
    return this.nodes.filter((node) => node.running);
  }

  /** The member id of a daemon, as the cluster knows it. */
  async idOf(daemon: Daemon, at = this.node(0)): Promise<number> {
    const { members } = await this.view(at);
    const found = members.find((member) => member.name === daemon.name);
    if (!found) throw new Error(`${daemon.name} is no member`);
    return found.id;
  }

  /** The daemon that leads, as one of `among` says. */
  leader(among = this.running()): Promise<Daemon> {
    return until('there is a leader', async () => {
      for (const node of among) {
        const view = await this.view(node).catch(() => undefined);
        const name = view?.members.find((member) => member.id === view.leader_id)?.name;
        const leader = this.nodes.find((one) => one.name === name && one.running);
        if (leader) return leader;
      }
      return undefined;
    });
  }

  /** Leadership goes to the best other voter. */
  async moveLeadership(): Promise<void> {
    const leader = await this.leader();
    await leader.client().call(clusterRoutes.transferLeadership, { body: {} });
  }

  async followers(): Promise<Daemon[]> {
    const leader = await this.leader();
    return this.running().filter((node) => node !== leader);
  }

  /** What happened, for a failed test: the end of every log. */
  logs(lines = 20): string {
    return this.nodes.map((node) => `── ${node.name}\n${node.logTail(lines)}`).join('\n');
  }
}
