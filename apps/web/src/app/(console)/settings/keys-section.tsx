'use client';

import type { Certificate, Keys } from '@quorate/shared/keys';
import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX, History, KeyRound, PenLine, TriangleAlert } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { CopyButton } from '@/components/copy-button';
import { ErrorState } from '@/components/states';
import { Time } from '@/components/time';
import { Badge, LookBadge } from '@/components/ui/badge';
import { Notice } from '@/components/ui/notice';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { WriteButton } from '@/components/write-button';
import { plural } from '@/lib/format';
import { clusterQuery, keysQuery } from '@/lib/queries';
import { CaRotation } from './ca-rotation';
import { RotateCaDialog, RotateClusterKeyDialog, RotateSessionKeyDialog } from './rotate-dialogs';

const STATES = {
  ok: { word: 'Valid', tone: 'ok', icon: CircleCheck },
  expiring: { word: 'Expires soon', tone: 'warn', icon: TriangleAlert },
  expired: { word: 'Expired', tone: 'bad', icon: CircleX },
} as const;

type Rotating = 'session' | 'cluster' | 'ca';

/** Every certificate and key, when it ends, and what happens next. */
export function KeysSection() {
  const keys = useQuery(keysQuery);
  const [rotating, setRotating] = useState<Rotating>();
  const close = () => setRotating(undefined);
  const { data } = keys;
  return (
    <>
      <Panel title="Certificates and keys" flush>
        {keys.isPending ? <SkeletonRows rows={5} /> : null}
        {keys.isError && !data ? <ErrorState error={keys.error} onRetry={() => void keys.refetch()} /> : null}
        {data ? <Content keys={data} onRotate={setRotating} /> : null}
      </Panel>
      {rotating === 'session' ? <RotateSessionKeyDialog onClose={close} /> : null}
      {rotating === 'cluster' ? <RotateClusterKeyDialog onClose={close} /> : null}
      {rotating === 'ca' ? <RotateCaDialog onClose={close} /> : null}
    </>
  );
}

function Content({ keys, onRotate }: { keys: Keys; onRotate: (what: Rotating) => void }) {
  const running = keys.ca_rotation?.state === 'running';
  return (
    <>
      {keys.own_ca ? null : (
        <div className="border-b p-3.5">
          <Notice tone="info">
            This cluster runs on certificates of your own PKI. Replace them where cluster.tls names them.
          </Notice>
        </div>
      )}
      {running && keys.ca_rotation ? <CaRotation rotation={keys.ca_rotation} caPem={keys.ca_pem} /> : null}
      <Table label="Certificates">
        <thead>
          <tr>
            <Th>Certificate</Th>
            <Th>State</Th>
            <Th>Expires</Th>
            <Th className="max-sm:hidden">Next</Th>
            <Th>
              <span className="sr-only">Actions</span>
            </Th>
          </tr>
        </thead>
        <tbody>
          {keys.certificates.map((certificate) => (
            <CertificateRow
              key={certificate.fingerprint}
              certificate={certificate}
              onRotate={certificate.kind === 'ca' && keys.own_ca && !running ? () => onRotate('ca') : undefined}
            />
          ))}
        </tbody>
      </Table>
      <div className="border-t">
        <Table label="Keys">
          <thead>
            <tr>
              <Th>Key</Th>
              <Th>State</Th>
              <Th className="max-sm:hidden">Made</Th>
              <Th className="max-sm:hidden">Next</Th>
              <Th>
                <span className="sr-only">Actions</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {keys.session_keys.map((key) => (
              <SessionKeyRow key={key.id} sessionKey={key} onRotate={() => onRotate('session')} />
            ))}
            <ClusterKeyRow clusterKey={keys.cluster_key} onRotate={() => onRotate('cluster')} />
          </tbody>
        </Table>
      </div>
    </>
  );
}

function Rotate({ what, onClick }: { what: string; onClick: () => void }) {
  return (
    <WriteButton needs="admin" size="sm" onClick={onClick} aria-label={`Rotate ${what}`}>
      Rotate
    </WriteButton>
  );
}

function CertificateRow({ certificate, onRotate }: { certificate: Certificate; onRotate: (() => void) | undefined }) {
  const cluster = useQuery(clusterQuery);
  const { word, tone, icon } = STATES[certificate.state];
  const member = cluster.data?.members.find(({ id }) => id === certificate.node_id);
  const name = certificate.kind === 'ca' ? 'Cluster CA' : (member?.name ?? certificate.subject);
  return (
    <Tr>
      <Td>
        <p className="break-all font-medium">{name}</p>
        <p className="flex items-center gap-1 font-mono text-2xs text-ink-3">
          <span className="max-w-16 truncate sm:max-w-56" title={certificate.fingerprint}>
            {certificate.fingerprint}
          </span>
          <CopyButton text={certificate.fingerprint} what={`fingerprint of ${name}`} />
        </p>
      </Td>
      <Td>
        <LookBadge look={[word, tone, icon]} />
      </Td>
      <Td>
        <Time at={certificate.not_after} className="sm:hidden" />
        <Time at={certificate.not_after} show="stacked" className="max-sm:hidden" />
      </Td>
      <Td className="max-sm:hidden">
        {certificate.renews_at && certificate.state === 'ok' ? (
          <>
            Renewed by itself <Time at={certificate.renews_at} />
          </>
        ) : (
          certificate.advice
        )}
      </Td>
      <Td className="w-20 text-right">{onRotate ? <Rotate what="the CA" onClick={onRotate} /> : null}</Td>
    </Tr>
  );
}

function KeyRow(props: {
  name: string;
  id: string;
  state: ReactNode;
  made: string;
  next: ReactNode;
  action: ReactNode;
}) {
  return (
    <Tr>
      <Td>
        <p className="font-medium">{props.name}</p>
        <p className="font-mono text-2xs text-ink-3">{props.id}</p>
      </Td>
      <Td>{props.state}</Td>
      <Td className="max-sm:hidden">
        <Time at={props.made} show="stacked" />
      </Td>
      <Td className="max-sm:hidden">{props.next}</Td>
      <Td className="w-20 text-right">{props.action}</Td>
    </Tr>
  );
}

function SessionKeyRow({
  sessionKey: key,
  onRotate,
}: {
  sessionKey: Keys['session_keys'][number];
  onRotate: () => void;
}) {
  const signing = key.state === 'signing';
  const state = signing ? (
    <Badge tone="ok" icon={PenLine}>
      Signing
    </Badge>
  ) : (
    <Badge icon={History}>Retired</Badge>
  );
  const next = signing ? (
    <>
      Replaced by itself <Time at={key.rotates_at} />
    </>
  ) : (
    <>
      Its sessions go on; forgotten <Time at={key.accepted_until} />
    </>
  );
  const action = signing ? <Rotate what="the session key" onClick={onRotate} /> : null;
  return <KeyRow name="Session key" id={key.id} made={key.created_at} {...{ state, next, action }} />;
}

function ClusterKeyRow({ clusterKey: key, onRotate }: { clusterKey: Keys['cluster_key']; onRotate: () => void }) {
  const missing = key.missing_on.length;
  const state =
    missing === 0 ? (
      <Badge tone="ok" icon={KeyRound}>
        On every node
      </Badge>
    ) : (
      <Badge tone="warn" icon={TriangleAlert}>
        {plural(missing, 'node')} behind
      </Badge>
    );
  const next =
    missing === 0
      ? `Protects ${plural(key.secrets, 'secret')} of the state`
      : `Node ${key.missing_on.join(', ')} gets it when it is back`;
  const action = <Rotate what="the cluster key" onClick={onRotate} />;
  return <KeyRow name="Cluster key" id={key.id} made={key.created_at} {...{ state, next, action }} />;
}
