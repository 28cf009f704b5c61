import { nodeStatusSchema } from '../cluster/liveness';
import type { Member } from '../cluster/members/table';
import { createPeerClient } from '../cluster/peer-client';
import { STATUS_PATH } from '../cluster/peer-side';
import type { Identity } from '../cluster/pki/identity';

const ASK_MS = 2_000;

export interface Answering {
  readonly member: Member;
  /** It says that it knows a leader: there is a quorum. */
  readonly hasLeader: boolean;
}

/** Which of the other members answer on their cluster address. */
export async function askMembers(members: readonly Member[], identity: Identity): Promise<Answering[]> {
  const tls = () => ({ ca: identity.caPem, cert: identity.certPem, key: identity.keyPem });
  const client = createPeerClient({ tls, timeoutMs: ASK_MS });
  try {
    const asked = members.map(async (member): Promise<Answering[]> => {
      const target = { nodeId: member.id, address: member.clusterAddress };
      const response = await client.fetch(target, STATUS_PATH, { signal: AbortSignal.timeout(ASK_MS) });
      const status = nodeStatusSchema.safeParse(await response.json()).data;
      return [{ member, hasLeader: status?.leader_id != null }];
    });
    return (await Promise.all(asked.map((one) => one.catch(() => [])))).flat();
  } finally {
    await client.close();
  }
}
