'use client';

import type { ApiError } from '@quorate/shared/client';
import { type JoinToken, joinTokenRoutes } from '@quorate/shared/join-tokens';
import { useQuery } from '@tanstack/react-query';
import type { z } from 'zod';
import { SelectField, TextField } from '@/components/form-fields';
import { ProblemNotice } from '@/components/problem-notice';
import { QuorumPreview, quorumOf } from '@/components/quorum-meter';
import { Notice } from '@/components/ui/notice';
import { useBodyForm } from '@/lib/body-form';
import { clusterQuery } from '@/lib/queries';

type Body = z.input<typeof joinTokenRoutes.create.body>;

interface Values {
  kind: string;
  ttl_seconds: string;
  max_uses: string;
  node_name: string;
  node_id: string;
  allowed_cidrs: string;
}
const FIELDS: readonly (keyof Values)[] = ['kind', 'ttl_seconds', 'max_uses', 'node_name', 'node_id', 'allowed_cidrs'];

const DEFAULTS: Values = {
  kind: 'cluster',
  ttl_seconds: '3600',
  max_uses: '1',
  node_name: '',
  node_id: '',
  allowed_cidrs: '',
};

const KINDS = [
  { value: 'cluster', label: 'Cluster node (becomes a voter)' },
  { value: 'runner', label: 'Runner (runs jobs and services, no vote)' },
] as const;
const TTLS = [
  { value: '900', label: '15 minutes' },
  { value: '3600', label: '1 hour' },
  { value: '14400', label: '4 hours' },
  { value: '86400', label: '24 hours' },
] as const;

/** From the text of the inputs to the body; empty means "not bound". */
export function mintBody(values: Values): unknown {
  return {
    kind: values.kind,
    ttl_seconds: Number(values.ttl_seconds),
    max_uses: Number(values.max_uses),
    node_name: values.node_name.trim() || null,
    node_id: values.kind === 'runner' || values.node_id.trim() === '' ? null : Number(values.node_id),
    allowed_cidrs: values.allowed_cidrs.split(/[\s,]+/).filter(Boolean),
  };
}

interface MintFormProps {
  id: string;
  kind: JoinToken['kind'];
  /** Filled in at first. */
  nodeName: string;
  error: ApiError | null;
  onSubmit: (body: Body) => void;
}

export function MintForm({ id, kind, nodeName, error, onSubmit }: MintFormProps) {
  const form = useBodyForm({
    schema: joinTokenRoutes.create.body,
    defaults: { ...DEFAULTS, kind, node_name: nodeName },
    toBody: (values: Values) => mintBody(values),
    error,
  });
  const forCluster = form.watch('kind') === 'cluster';
  return (
    <form id={id} className="space-y-4" onSubmit={form.handleSubmit(onSubmit)}>
      <SelectField form={form} name="kind" label="Kind" options={KINDS} />
      {forCluster ? <JoinPreview joining={Number(form.watch('max_uses')) || 1} /> : null}
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField form={form} name="ttl_seconds" label="Valid for" options={TTLS} />
        <TextField
          form={form}
          name="max_uses"
          label="Uses"
          hint={`How many ${forCluster ? 'nodes' : 'runners'} may join with it.`}
          numeric
        />
        <TextField
          form={form}
          name="node_name"
          label={forCluster ? 'Only for node name' : 'Only for runner name'}
          optional
          placeholder="any"
        />
        {forCluster ? (
          <TextField
            form={form}
            name="node_id"
            label="Only as node id"
            optional
            numeric
            placeholder="the next free one"
          />
        ) : null}
      </div>
      <TextField
        form={form}
        name="allowed_cidrs"
        label="Only from networks"
        optional
        hint="One CIDR a line; a join from elsewhere is refused and burns no use."
        rows={2}
        placeholder="10.0.0.0/8"
      />
      <ProblemNotice error={error} fields={FIELDS} />
    </form>
  );
}

/** The quorum now and once the new nodes vote. */
function JoinPreview({ joining }: { joining: number }) {
  const { data } = useQuery(clusterQuery);
  if (!data) return null;
  const { voters, healthy } = data.quorum;
  const added = Math.min(Math.max(joining, 1), 7);
  const after = quorumOf(voters + added, healthy + added);
  return (
    <div className="space-y-2">
      <QuorumPreview before={data.quorum} after={after} />
      {data.mode === 'single' ? (
        <Notice tone="info">
          This node runs alone. Minting its first cluster token starts etcd here and grows it into a Raft cluster, live:
          nothing restarts.
        </Notice>
      ) : null}
    </div>
  );
}
