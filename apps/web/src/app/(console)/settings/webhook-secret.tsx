'use client';

import { Command } from '@/components/code';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Notice } from '@/components/ui/notice';

/** A signing secret, shown once. */
export function WebhookSecret({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  return (
    <Dialog
      open
      sticky
      onOpenChange={(open) => !open && onClose()}
      title={`Secret of ${name}`}
      footer={
        <Button variant="primary" onClick={onClose}>
          I have stored it
        </Button>
      }
    >
      <div className="space-y-4">
        <Notice tone="warn">This is the only time it is shown. Store it now.</Notice>
        <Command text={secret} what="signing secret" />
        <p className="text-ink-2">
          Receivers check <code className="font-mono text-xs">webhook-signature</code> with it: HMAC-SHA256 over{' '}
          <code className="font-mono text-xs">id.timestamp.body</code>.
        </p>
      </div>
    </Dialog>
  );
}
