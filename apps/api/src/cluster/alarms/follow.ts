import { type AlarmClearing, alarmClearingSchema } from '@quorate/shared/alarms';
import type { Hono } from 'hono';
import { z } from 'zod';
import type { ClusterEnv } from '../listener';
import type { PeerClient, PeerTarget } from '../peer-client';

const PATH = '/v1/cluster/alarms/clearing';
const LOOK_MS = 1_000;
const answerSchema = z.object({ operation: alarmClearingSchema.nullable() });

/** Tells peers what this node clears or has cleared: whoever follows it may come by any node. */
export function serveClearing(app: Hono<ClusterEnv>, current: () => AlarmClearing | undefined): void {
  app.get(PATH, (c) => c.json({ operation: current() ?? null }));
}

/** What the peers that answer clear, or have cleared last. */
export async function askForClearings(client: PeerClient, peers: readonly PeerTarget[]): Promise<AlarmClearing[]> {
  const ask = async (peer: PeerTarget): Promise<AlarmClearing[]> => {
    const response = await client.fetch(peer, PATH, { signal: AbortSignal.timeout(LOOK_MS) });
    const { operation } = answerSchema.parse(await response.json());
    return operation ? [operation] : [];
  };
  return (await Promise.all(peers.map((peer) => ask(peer).catch(() => [])))).flat();
}
