'use client';

import type { ApiError } from '@quorate/shared/client';
import { type ReactNode, useState } from 'react';
import { ProblemNotice } from './problem-notice';
import { Button } from './ui/button';
import { Dialog } from './ui/dialog';
import { Field, Input } from './ui/field';

interface ConfirmDialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** Has to be typed before the action can be taken. */
  phrase: string;
  /** The word on the button. */
  action: string;
  pending: boolean;
  /** The action cannot be taken: nothing to type, the button stays off. */
  refused?: boolean;
  /** Not yet known whether it can be taken. */
  waiting?: boolean;
  error: ApiError | null;
  onConfirm: () => void;
  children: ReactNode;
}

/** An irreversible action, confirmed by typing the name of what it hits. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const {
    open,
    onClose,
    title,
    phrase,
    action,
    pending,
    refused = false,
    waiting = false,
    error,
    onConfirm,
    children,
  } = props;
  const [typed, setTyped] = useState('');
  const ready = typed.trim() === phrase && !refused && !waiting;
  const close = () => {
    setTyped('');
    onClose();
  };
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && close()}
      title={title}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button variant="danger" type="submit" form="confirm-form" disabled={!ready} pending={pending}>
            {action}
          </Button>
        </>
      }
    >
      <form
        id="confirm-form"
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !pending) onConfirm();
        }}
      >
        {children}
        {refused ? null : (
          <Field label={`Type ${phrase} to confirm`}>
            {(control) => (
              <Input
                {...control}
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                className="font-mono"
              />
            )}
          </Field>
        )}
        <ProblemNotice error={error} />
      </form>
    </Dialog>
  );
}
