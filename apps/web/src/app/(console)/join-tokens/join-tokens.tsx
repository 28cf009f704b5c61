'use client';

import type { JoinToken } from '@quorate/shared/join-tokens';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { parseAsBoolean, parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { ListStates } from '@/components/list-states';
import { Page } from '@/components/page';
import { EmptyState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { Select } from '@/components/ui/select';
import { WriteButton } from '@/components/write-button';
import { useListPollMs } from '@/lib/live';
import { joinsQuery, joinTokensQuery } from '@/lib/queries';
import { JoinsPanel } from '../overview/joins-panel';
import { MintDialog } from './mint-dialog';
import { RevokeDialog } from './revoke-dialog';
import { TokenList } from './token-list';

const STATUSES = ['all', 'active', 'used_up', 'expired', 'revoked'] as const;
const STATUS_OPTIONS = [
  { value: 'all', label: 'All tokens' },
  { value: 'active', label: 'Active' },
  { value: 'used_up', label: 'Used up' },
  { value: 'expired', label: 'Expired' },
  { value: 'revoked', label: 'Revoked' },
] as const;

export function JoinTokens() {
  const [minting, setMinting] = useQueryState('mint', parseAsBoolean.withDefault(false));
  const [status, setStatus] = useQueryState('status', parseAsStringLiteral(STATUSES).withDefault('all'));
  const [revoking, setRevoking] = useState<JoinToken | null>(null);
  const joins = useQuery(joinsQuery);
  const tokens = useInfiniteQuery({ ...joinTokensQuery, refetchInterval: useListPollMs() });
  const all = tokens.data?.pages.flatMap((page) => page.items) ?? [];
  const items = status === 'all' ? all : all.filter((token) => token.status === status);
  const mint = (
    <WriteButton needs="admin" variant="primary" onClick={() => void setMinting(true)}>
      <Plus aria-hidden />
      Mint a join token
    </WriteButton>
  );
  return (
    <Page
      title="Join tokens"
      description="A token lets a host join the cluster as a node of its own, or as a runner. It is stored hashed and shown once."
      actions={mint}
    >
      <div className="space-y-4">
        <JoinsPanel joins={joins.data?.items ?? []} />
        {all.length > 0 ? (
          <Select
            aria-label="Status"
            className="w-full sm:w-40"
            options={STATUS_OPTIONS}
            value={status}
            onChange={(event) => void setStatus(STATUSES.find((value) => value === event.target.value) ?? null)}
          />
        ) : null}
        <Panel flush>
          <ListStates
            query={tokens}
            count={items.length}
            rows={4}
            empty={
              <EmptyState
                icon={KeyRound}
                title={all.length === 0 ? 'No join tokens yet' : 'No token has this status'}
                cli="quorate token create --kind cluster --ttl 1h"
              >
                Mint one, run its command on the new host, and watch it become a voter.
              </EmptyState>
            }
          >
            <TokenList tokens={items} onRevoke={setRevoking} />
          </ListStates>
        </Panel>
      </div>
      {minting ? <MintDialog onClose={() => void setMinting(null)} /> : null}
      {revoking ? <RevokeDialog token={revoking} onClose={() => setRevoking(null)} /> : null}
    </Page>
  );
}
