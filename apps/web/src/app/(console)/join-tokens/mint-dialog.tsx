'use client';

import type { Member } from '@quorate/shared/cluster';
import { type JoinToken, joinTokenRoutes, type MintedJoinToken } from '@quorate/shared/join-tokens';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { useWrite } from '@/lib/use-write';
import { MintForm } from './mint-form';
import { MintedToken } from './minted-token';

interface MintDialogProps {
  onClose: () => void;
  /** The member, removed by now, whose place the new node takes: the token is for its name. */
  replaces?: Member;
  /** What the page is about: chosen at first. */
  kind?: JoinToken['kind'];
}

/** Mints a token, then shows its secret once and the joins that come in with it. */
export function MintDialog({ onClose, replaces, kind = 'cluster' }: MintDialogProps) {
  const [minted, setMinted] = useState<MintedJoinToken | null>(null);
  const mint = useWrite(joinTokenRoutes.create, { refresh: ['join-tokens', 'cluster'], onSuccess: setMinted });
  if (minted) {
    return (
      <Dialog
        open
        sticky
        width="wide"
        onOpenChange={(open) => !open && onClose()}
        title={minted.kind === 'cluster' ? 'Run this on the new host' : 'Run this on the runner host'}
        description="The token is shown here only; it is not stored in clear."
        footer={
          <Button variant="primary" onClick={onClose}>
            Done
          </Button>
        }
      >
        <MintedToken minted={minted} />
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={replaces ? `Let a new ${replaces.name} join` : kind === 'runner' ? 'Add a runner' : 'Mint a join token'}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form="mint-form" pending={mint.pending}>
            Mint token
          </Button>
        </>
      }
    >
      <MintForm
        id="mint-form"
        kind={kind}
        nodeName={replaces?.name ?? ''}
        error={mint.error}
        onSubmit={(body) => mint.run({ body })}
      />
    </Dialog>
  );
}
