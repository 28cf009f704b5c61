'use client';

import type { ApiToken } from '@quorate/shared/api-tokens';
import { useInfiniteQuery } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { MoreButton } from '@/components/more-button';
import { EmptyState, ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { WriteButton } from '@/components/write-button';
import { useListPollMs } from '@/lib/live';
import { apiTokensQuery } from '@/lib/queries';
import { CreateApiTokenDialog } from './create-api-token-dialog';
import { RevokeApiTokenDialog } from './revoke-api-token-dialog';
import { RoleBadge } from './role-badge';

export function ApiTokensTab() {
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiToken | null>(null);
  const tokens = useInfiniteQuery({ ...apiTokensQuery, refetchInterval: useListPollMs() });
  const items = tokens.data?.pages.flatMap((page) => page.items) ?? [];
  const add = (
    <WriteButton needs="admin" size="sm" variant="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden />
      Create a token
    </WriteButton>
  );
  return (
    <>
      <Panel title="API tokens" flush actions={add}>
        {tokens.isPending ? <SkeletonRows rows={3} /> : null}
        {tokens.isError && !tokens.data ? (
          <ErrorState error={tokens.error} onRetry={() => void tokens.refetch()} />
        ) : null}
        {tokens.isSuccess && items.length === 0 ? (
          <EmptyState icon={KeyRound} title="No API tokens" cli="quorate api-token create ci --role viewer">
            For scripts, monitoring and pipelines: a bearer token with a role of its own.
          </EmptyState>
        ) : null}
        {items.length > 0 ? (
          <Table label="API tokens">
            <thead>
              <tr>
                <Th>Name</Th>
                <Th>Role</Th>
                <Th className="max-sm:hidden">Begins with</Th>
                <Th className="max-sm:hidden">Created</Th>
                <Th className="max-sm:hidden">Expires</Th>
                <Th>
                  <span className="sr-only">Actions</span>
                </Th>
              </tr>
            </thead>
            <tbody>
              {items.map((token) => (
                <Tr key={token.id}>
                  <Td className="break-all font-medium">{token.name}</Td>
                  <Td>
                    <RoleBadge role={token.role} />
                  </Td>
                  <Td className="font-mono text-xs max-sm:hidden">{token.hint}…</Td>
                  <Td className="max-sm:hidden">
                    <Time at={token.created_at} />
                    <p className="text-ink-3 text-xs">by {token.created_by}</p>
                  </Td>
                  <Td className="max-sm:hidden">
                    {token.expires_at ? <Time at={token.expires_at} show="stacked" /> : 'never'}
                  </Td>
                  <Td className="w-20 text-right">
                    <WriteButton needs="admin" size="sm" onClick={() => setRevoking(token)}>
                      Revoke
                    </WriteButton>
                  </Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        ) : null}
        <MoreButton query={tokens} />
      </Panel>
      {creating ? <CreateApiTokenDialog onClose={() => setCreating(false)} /> : null}
      {revoking ? <RevokeApiTokenDialog token={revoking} onClose={() => setRevoking(null)} /> : null}
    </>
  );
}
