'use client';

import type { JoinToken } from '@quorate/shared/join-tokens';
import { Server, Wrench } from 'lucide-react';
import { TokenBadge } from '@/components/status';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { WriteButton } from '@/components/write-button';

interface TokenListProps {
  tokens: readonly JoinToken[];
  onRevoke: (token: JoinToken) => void;
}

const KindBadge = ({ kind }: { kind: JoinToken['kind'] }) =>
  kind === 'cluster' ? <Badge icon={Server}>Cluster</Badge> : <Badge icon={Wrench}>Runner</Badge>;

/** What the token is bound to, in words. */
function bindings(token: JoinToken): string {
  const parts = [
    token.node_name ? `name ${token.node_name}` : '',
    token.node_id ? `id ${token.node_id}` : '',
    token.allowed_cidrs.length > 0 ? `from ${token.allowed_cidrs.join(', ')}` : '',
  ].filter(Boolean);
  return parts.join(' · ') || 'any node';
}

function Redemptions({ token }: { token: JoinToken }) {
  if (token.redemptions.length + token.runner_redemptions.length === 0)
    return <span className="text-ink-3">nobody yet</span>;
  return (
    <ul className="space-y-0.5">
      {token.redemptions.map((redemption) => (
        <li key={`${redemption.node_id}-${redemption.at}`}>
          <span className="text-ink">{redemption.node_name}</span>{' '}
          <span className="text-ink-3 text-xs">
            node {redemption.node_id} · <Time at={redemption.at} />
          </span>
        </li>
      ))}
      {token.runner_redemptions.map((redemption) => (
        <li key={redemption.runner_id}>
          <span className="text-ink">{redemption.runner_name}</span>{' '}
          <span className="text-ink-3 text-xs">
            runner · <Time at={redemption.at} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function RevokeButton({ token, onRevoke }: { token: JoinToken; onRevoke: (token: JoinToken) => void }) {
  if (token.status !== 'active') return null;
  return (
    <WriteButton needs="admin" size="sm" onClick={() => onRevoke(token)}>
      Revoke
    </WriteButton>
  );
}

/** Tokens, newest first: a table from tablet width up, cards below. */
export function TokenTable({ tokens, onRevoke }: TokenListProps) {
  return (
    <>
      <div className="hidden md:block">
        <Table label="Join tokens">
          <thead>
            <tr>
              <Th>Status</Th>
              <Th>Kind</Th>
              <Th className="text-right">Uses</Th>
              <Th>Bound to</Th>
              <Th>Redeemed by</Th>
              <Th>Expires</Th>
              <Th>Minted</Th>
              <Th>
                <span className="sr-only">Actions</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {tokens.map((token) => (
              <Tr key={token.id}>
                <Td>
                  <TokenBadge status={token.status} />
                </Td>
                <Td>
                  <KindBadge kind={token.kind} />
                </Td>
                <Td className="whitespace-nowrap text-right">
                  {token.uses} of {token.max_uses}
                </Td>
                <Td className="max-w-64 break-words">{bindings(token)}</Td>
                <Td>
                  <Redemptions token={token} />
                </Td>
                <Td>
                  <Time at={token.expires_at} show="stacked" />
                </Td>
                <Td>
                  <Time at={token.created_at} />
                  <p className="text-ink-3 text-xs">by {token.created_by}</p>
                </Td>
                <Td className="text-right">
                  <RevokeButton token={token} onRevoke={onRevoke} />
                </Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      </div>
      <ul className="divide-y md:hidden">
        {tokens.map((token) => (
          <li key={token.id} className="space-y-2 p-3.5">
            <div className="flex flex-wrap items-center gap-2">
              <TokenBadge status={token.status} />
              <KindBadge kind={token.kind} />
              <span className="text-ink-2">
                {token.uses} of {token.max_uses} used
              </span>
              <span className="ml-auto">
                <RevokeButton token={token} onRevoke={onRevoke} />
              </span>
            </div>
            <p className="break-words text-ink-2">For {bindings(token)}</p>
            <Redemptions token={token} />
            <p className="text-ink-3 text-xs">
              Minted <Time at={token.created_at} /> by {token.created_by} · expires <Time at={token.expires_at} />
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
