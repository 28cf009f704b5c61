import { Hono } from 'hono';
import type { Config } from '../../config/derive';
import { assert } from '../../lib/assert';
import { delay } from '../../lib/async';
import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { parseHostPort } from '../../lib/net';
import { joinCluster } from '../join/client';
import { joinOptionsOf } from '../join/from-config';
import { JoinError } from '../join/join-error';
import { type ClusterEnv, createClusterListener } from '../listener';
import type { NodeCredentials } from '../pki/operator';
import { createPeerAsker, type PeerAsker, type PeerReply } from './ask-peer';
import { collision, contradiction, FORMATION_PATH, type FormationAnswer, type Hello } from './hello';
import { readHello } from './read-hello';

export interface FormationOptions {
  readonly config: Config;
  readonly credentials: NodeCredentials & { readonly nodeId: number };
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const ROUND_MS = 500;
/** What keeps the cluster from forming is said again after this time. */
const REPEAT_MS = 30_000;

/** What this node says to the other founding members. */
export function helloOf(
  { config, version, clock }: Pick<FormationOptions, 'config' | 'version' | 'clock'>,
  nodeId: number,
): Hello {
  const { cluster, node } = config;
  return {
    node_id: nodeId,
    name: node.name,
    cluster_address: cluster.advertise,
    peers: cluster.peers,
    bootstrap_expect: cluster.bootstrap_expect,
    cluster_token: cluster.token,
    version,
    clock: clock(),
  };
}

/**
 * Waits for every founding member, in whatever order they start. The one with the lowest id founds the cluster once all
 * agree; the others are let in by it as by a join token. What stands against it is logged, and asked again: it may be
 * mended on another host.
 *
 * @returns `found`: this node is to found the cluster. `joined`: it was admitted, identity and node.json are stored
 */
export async function formCluster(options: FormationOptions): Promise<'found' | 'joined'> {
  const { config, credentials, logger } = options;
  const own = (): Hello => helloOf(options, credentials.nodeId);
  const others = config.cluster.peers.filter((address) => address !== config.cluster.advertise);
  const listener = await listen(options, own);
  const asker = createPeerAsker(credentials);
  const report = createReport(logger);
  logger.info({ peers: others }, `waiting for ${others.length} other founding members`);
  try {
    for (;;) {
      const round = await askAll(asker, others, own());
      const host = round.find(({ reply }) => reply.kind === 'answered' && reply.answer.ticket);
      if (host?.reply.kind === 'answered' && host.reply.answer.ticket) {
        if (await joinAt(options, host.address, host.reply.answer.ticket)) return 'joined';
      }
      const { hellos, problems } = judge(own(), round);
      report(problems);
      const complete = problems.length === 0 && hellos.length === others.length;
      if (complete && hellos.every((hello) => hello.node_id > credentials.nodeId)) {
        logger.info('every founding member agrees; this node has the lowest id and founds the cluster');
        return 'found';
      }
      await delay(ROUND_MS);
    }
  } finally {
    await asker.close();
    await listener.close();
  }
}

type Round = readonly { readonly address: string; readonly reply: PeerReply }[];

const askAll = (asker: PeerAsker, addresses: readonly string[], hello: Hello): Promise<Round> =>
  Promise.all(addresses.map(async (address) => ({ address, reply: await asker.ask(address, hello) })));

/** What all of them together come to. Pure. */
function judge(own: Hello, round: Round): { hellos: Hello[]; problems: string[] } {
  const hellos: Hello[] = [];
  const problems: string[] = [];
  for (const { address, reply } of round) {
    if (reply.kind !== 'answered') {
      problems.push(reply.why);
      continue;
    }
    const { hello } = reply.answer;
    const against = contradiction(own, hello, address);
    if (against) problems.push(against);
    else hellos.push(hello);
  }
  const clash = collision(hellos);
  return { hellos, problems: clash ? [...problems, clash] : problems };
}

/** Says what is in the way when it changes, and now and then again. */
function createReport(logger: Logger): (problems: readonly string[]) => void {
  let said = '';
  let saidAt = 0;
  return (problems) => {
    const text = problems.join('; ');
    const now = performance.now();
    if (text === '' || (text === said && now - saidAt < REPEAT_MS)) return;
    said = text;
    saidAt = now;
    logger.warn(`the cluster cannot form yet: ${text}`);
  };
}

/** Answers the others with this node's own hello; what contradicts it is told to them, too. */
function listen(options: FormationOptions, own: () => Hello) {
  const { config, credentials, logger, clock } = options;
  const app = new Hono<ClusterEnv>();
  app.post(FORMATION_PATH, async (c) => {
    await readHello(c);
    return c.json({ hello: own(), ticket: null } satisfies FormationAnswer);
  });
  const address = parseHostPort(config.cluster.address);
  assert(address, 'cluster.address is host:port');
  return createClusterListener({
    ...address,
    tls: () => ({ ca: credentials.caPem, cert: credentials.certPem, key: credentials.keyPem }),
    app,
    // There is no membership yet: a certificate of the operator's CA is what counts.
    isPinned: () => true,
    logger,
    clock,
  });
}

/** @returns false when it should be tried again. @throws JoinError when that would not help */
async function joinAt(
  options: FormationOptions,
  address: string,
  ticket: NonNullable<FormationAnswer['ticket']>,
): Promise<boolean> {
  const { config, version, clock, logger } = options;
  const join = { ...config.cluster.join, url: `https://${address}`, ca_fingerprint: ticket.ca_fingerprint };
  const asJoiner = { ...config, cluster: { ...config.cluster, join } };
  try {
    const joining = joinOptionsOf({ config: asJoiner, version, clock }, ticket.token);
    const { nodeFile } = await joinCluster({ ...joining, answersAlready: true });
    logger.info({ node: nodeFile.node_id, via: address }, 'the cluster was founded, and this node was admitted');
    return true;
  } catch (error) {
    if (!(error instanceof JoinError) || !error.retryable) throw error;
    logger.warn({ err: error }, 'the founding member could not let this node in yet; trying again');
    return false;
  }
}
