'use client';

import type { Backup } from '@quorate/shared/backups';
import { ApiError } from '@quorate/shared/client';
import {
  type RestoreOperation,
  restoreOperationSchema,
  restoreRoutes,
  type StateFile,
  stateFileSchema,
} from '@quorate/shared/restore';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { Time } from '@/components/time';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field, Input } from '@/components/ui/field';
import { Notice } from '@/components/ui/notice';
import { Facts } from '@/components/ui/panel';
import { write } from '@/lib/api';
import { toApiError } from '@/lib/errors';
import { formatBytes, formatInt } from '@/lib/format';
import { clusterQuery, restoreQuery } from '@/lib/queries';
import { RestoreProgress } from './restore-progress';
import { uploadFile } from './upload';

interface WizardProps {
  /** A backup of this cluster, or a file that is chosen first. */
  source: Backup | 'upload';
  onClose: () => void;
}

/** What is known of the file before anything is done with it. */
interface Content {
  name: string;
  cluster: string;
  thisCluster: boolean;
  index: number | null;
  epoch: number | null;
  lastChangeAt: string | null;
  version: string;
  bytes: number | null;
  encrypted: boolean;
}

const ofBackup = (backup: Backup, cluster: string): Content => ({
  name: backup.file,
  cluster,
  thisCluster: true,
  index: backup.index,
  epoch: backup.epoch,
  lastChangeAt: backup.last_change_at,
  version: `${backup.version}, schema ${backup.schema_version}`,
  bytes: backup.bytes,
  encrypted: backup.encryption !== 'none',
});

const ofFile = (file: File, found: StateFile): Content => ({
  name: file.name,
  cluster: found.cluster_name,
  thisCluster: found.this_cluster,
  index: found.index,
  epoch: found.epoch,
  lastChangeAt: found.last_change_at,
  version: `schema ${found.schema_version}`,
  bytes: file.size,
  encrypted: found.encrypted,
});

/** From the choice of a file over what is in it and a typed confirmation to the end of the restore. */
export function RestoreWizard({ source, onClose }: WizardProps) {
  const cluster = useQuery(clusterQuery);
  const [upload, setUpload] = useState<{ file: File; key: string; found: StateFile }>();
  const [started, setStarted] = useState<RestoreOperation>();
  if (started) return <Following started={started} onClose={onClose} />;
  const name = cluster.data?.name ?? '';
  if (source === 'upload' && !upload) return <ChooseFile onClose={onClose} onChosen={setUpload} />;
  const content = source === 'upload' ? upload && ofFile(upload.file, upload.found) : ofBackup(source, name);
  if (!content) return null;
  const start = (key: string): Promise<RestoreOperation> => {
    if (source !== 'upload') {
      return write(restoreRoutes.fromBackup, { params: { id: source.id }, body: key === '' ? {} : { key } });
    }
    const path = `${restoreRoutes.upload.path}?${new URLSearchParams({ name: content.name })}`;
    if (!upload) throw new Error('no file was chosen');
    return uploadFile(path, restoreOperationSchema, upload.file, upload.key);
  };
  const asksKey = source !== 'upload' && content.encrypted;
  return <Confirm content={content} cluster={name} asksKey={asksKey} {...{ start, onClose }} onStarted={setStarted} />;
}

interface ChooseProps {
  onClose: () => void;
  onChosen: (choice: { file: File; key: string; found: StateFile }) => void;
}

function ChooseFile({ onClose, onChosen }: ChooseProps) {
  const [file, setFile] = useState<File>();
  const [key, setKey] = useState('');
  const inspect = useMutation({
    mutationFn: (chosen: File) => uploadFile(restoreRoutes.inspect.path, stateFileSchema, chosen, key),
    onSuccess: (found, chosen) => onChosen({ file: chosen, key, found }),
  });
  const error = inspect.error ? toApiError(inspect.error) : null;
  const locked = error?.code === 'backup_encrypted' || error?.code === 'backup_wrong_key' || key !== '';
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Restore from a file"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form="choose-file" disabled={!file} pending={inspect.isPending}>
            Look into it
          </Button>
        </>
      }
    >
      <form
        id="choose-file"
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (file) inspect.mutate(file);
        }}
      >
        <p className="text-ink-2">Nothing is changed yet: the next step shows what the file holds.</p>
        <Field label="Backup or state file" hint="A backup of this cluster, or a state.db of it.">
          {(control) => (
            <Input
              {...control}
              type="file"
              className="h-auto py-1.5"
              onChange={(event) => {
                setFile(event.target.files?.[0]);
                inspect.reset();
              }}
            />
          )}
        </Field>
        {locked ? <KeyField value={key} onChange={setKey} /> : null}
        <ProblemNotice error={error} />
      </form>
    </Dialog>
  );
}

function KeyField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <Field label="Passphrase or identity" hint="The passphrase of the backup, or AGE-SECRET-KEY-…">
      {(control) => (
        <Input
          {...control}
          type="password"
          autoComplete="off"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

interface ConfirmProps {
  content: Content;
  /** The name of this cluster, which is typed to confirm. */
  cluster: string;
  asksKey: boolean;
  start: (key: string) => Promise<RestoreOperation>;
  onStarted: (operation: RestoreOperation) => void;
  onClose: () => void;
}

function Confirm({ content, cluster, asksKey, start, onStarted, onClose }: ConfirmProps) {
  const [key, setKey] = useState('');
  const run = useMutation({ mutationFn: () => start(key), onSuccess: onStarted });
  const { index, epoch, lastChangeAt } = content;
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title="Restore the whole cluster"
      phrase={cluster}
      action="Restore"
      pending={run.isPending}
      refused={!content.thisCluster}
      waiting={cluster === '' || (asksKey && key === '')}
      error={run.error ? toApiError(run.error) : null}
      onConfirm={() => run.mutate()}
    >
      <Facts
        items={[
          { label: 'File', value: content.name, mono: true },
          { label: 'Cluster', value: content.cluster },
          { label: 'Holds changes up to', value: <Time at={lastChangeAt} show="both" /> },
          { label: 'Position', value: index === null ? '–' : `index ${formatInt(index)} of epoch ${epoch}` },
          { label: 'Version', value: content.version },
          { label: 'Size', value: `${formatBytes(content.bytes)}${content.encrypted ? ', encrypted' : ''}` },
        ]}
      />
      {content.thisCluster ? (
        <Notice tone="warn" title="What will happen">
          <ul className="list-disc space-y-0.5 pl-4">
            <li>Everything that was changed since the file was made is undone, on every node.</li>
            <li>Members, certificates, events, audit and backups stay as they are now.</li>
            <li>A copy of the present state is made and kept first.</li>
            <li>Writes wait for a moment; no node restarts. Sessions of users who changed since end.</li>
          </ul>
        </Notice>
      ) : (
        <Notice tone="bad" role="alert" title="The file is of another cluster">
          It cannot be restored here. To make a new cluster of it, use{' '}
          <code className="font-mono text-xs">quorate agent cluster init-from-db</code> on a fresh node.
        </Notice>
      )}
      {asksKey ? <KeyField value={key} onChange={setKey} /> : null}
    </ConfirmDialog>
  );
}

/** The node may be silent for a moment while it switches: what was seen last stays on the screen. */
function Following({ started, onClose }: { started: RestoreOperation; onClose: () => void }) {
  const client = useQueryClient();
  const restore = useQuery({ ...restoreQuery, refetchInterval: 500, retry: true });
  const latest = restore.data?.operation;
  const operation = latest?.id === started.id ? latest : started;
  const over = operation.state !== 'running';
  const signedOut = restore.error instanceof ApiError && restore.error.status === 401;
  useEffect(() => {
    if (over) void client.invalidateQueries();
  }, [over, client]);
  return (
    <Dialog
      open
      sticky={!over && !signedOut}
      onOpenChange={(open) => !open && onClose()}
      title={`Restoring ${operation.source}`}
      footer={
        <Button variant={over ? 'primary' : 'secondary'} onClick={onClose}>
          {over ? 'Done' : 'Close, it goes on'}
        </Button>
      }
    >
      <div className="space-y-4">
        <div
          role="progressbar"
          aria-label="Restore"
          aria-valuenow={operation.percent}
          aria-valuemin={0}
          aria-valuemax={100}
          className="h-1.5 overflow-hidden rounded-full bg-sunken"
        >
          <div className="h-full bg-accent transition-[width]" style={{ width: `${operation.percent}%` }} />
        </div>
        <RestoreProgress operation={operation} />
        {signedOut ? (
          <Notice tone="info" role="status" title="The restored state is in force">
            It does not know this session: sign in again, with the password of that time.
          </Notice>
        ) : null}
      </div>
    </Dialog>
  );
}
