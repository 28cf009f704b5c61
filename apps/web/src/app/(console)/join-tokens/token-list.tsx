'use client';

import type { JoinToken } from '@quorate/shared/join-tokens';
import { Server, Wrench } from 'lucide-react';
import { ACTIONS } from '@/components/actions-menu';
import { DataList } from '@/components/data-list';
import { TokenBadge } from '@/components/status';
import { Time } from '@/components/time';
import { Badge } from '@/components/ui/badge';
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

/** Tokens, newest first. */
export function TokenList({ tokens, onRevoke }: TokenListProps) {
  return (
    <DataList
      label="Join tokens"
      rows={tokens}
      keyOf={({ id }) => id}
      from="md"
      columns={[
        { head: 'Status', cell: ({ status }) => <TokenBadge status={status} /> },
        { head: 'Kind', cell: ({ kind }) => <KindBadge kind={kind} /> },
        {
          head: 'Uses',
          right: true,
          className: 'whitespace-nowrap',
          cell: ({ uses, max_uses: of }) => `${uses} of ${of}`,
        },
        { head: 'Bound to', className: 'max-w-64 break-words', cell: bindings },
        { head: 'Redeemed by', cell: (token) => <Redemptions token={token} /> },
        { head: 'Expires', cell: ({ expires_at: at }) => <Time at={at} show="stacked" /> },
        {
          head: 'Minted',
          cell: (token) => (
            <>
              <Time at={token.created_at} />
              <p className="text-ink-3 text-xs">by {token.created_by}</p>
            </>
          ),
        },
        { ...ACTIONS, cell: (token) => <RevokeButton token={token} onRevoke={onRevoke} /> },
      ]}
      card={(token) => (
        <>
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
        </>
      )}
    />
  );
}
