'use client';

import { type QueryKey, type UseQueryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { Fragment, type ReactNode, type SubmitEventHandler, useId, useState } from 'react';
import type { Versioned } from '@/lib/settings-version';
import { ErrorState } from './states';
import { Button } from './ui/button';
import { Dialog } from './ui/dialog';
import { SkeletonRows } from './ui/skeleton';

interface FormDialogProps {
  title: string;
  description?: ReactNode;
  width?: 'normal' | 'wide';
  /** What the button says that sends it. */
  submit: string;
  pending: boolean;
  disabled?: boolean;
  onSubmit: SubmitEventHandler<HTMLFormElement>;
  onClose: () => void;
  children: ReactNode;
}

/** A form in a dialog, with Cancel and one button that sends it. */
export function FormDialog(props: FormDialogProps) {
  const {
    title,
    description,
    width = 'normal',
    submit,
    pending,
    disabled = false,
    onSubmit,
    onClose,
    children,
  } = props;
  const id = useId();
  return (
    <Dialog
      open
      width={width}
      onOpenChange={(open) => !open && onClose()}
      title={title}
      description={description}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form={id} pending={pending} disabled={disabled}>
            {submit}
          </Button>
        </>
      }
    >
      {/* The contract's schemas say what is wrong, beside each field. */}
      <form id={id} className="space-y-4" noValidate onSubmit={onSubmit}>
        {children}
      </form>
    </Dialog>
  );
}

interface EditDialogProps<S> {
  title: string;
  /** What is edited, with its ETag. */
  query: UseQueryOptions<Versioned<S>, Error, Versioned<S>, QueryKey>;
  onClose: () => void;
  /** The form. `base` is the version that was there when it opened, or was loaded since: later ones come in beside it. */
  children: (base: Versioned<S>, reload: () => void) => ReactNode;
}

/** Edits something from the version that is shown when the dialog opens. */
export function EditDialog<S>({ title, query, onClose, children }: EditDialogProps<S>) {
  const { data, error, refetch } = useQuery(query);
  const [base, setBase] = useState<Versioned<S>>();
  const client = useQueryClient();
  if (!base && data) setBase(data);
  if (base) {
    const reload = async () => setBase(await client.fetchQuery({ ...query, staleTime: 0 }));
    return <Fragment key={base.etag}>{children(base, () => void reload())}</Fragment>;
  }
  return (
    <Dialog open width="wide" onOpenChange={(open) => !open && onClose()} title={title}>
      {error ? <ErrorState error={error} onRetry={() => void refetch()} /> : <SkeletonRows rows={5} />}
    </Dialog>
  );
}
