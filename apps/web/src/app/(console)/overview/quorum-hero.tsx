'use client';

import type { Cluster } from '@quorate/shared/cluster';
import { CircleCheck, CircleX, type LucideIcon, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { Expiry } from '@/components/member-cells';
import { QuorumMeter, quorumWords } from '@/components/quorum-meter';
import { Time } from '@/components/time';
import { Badge, TONE_TEXT, type Tone } from '@/components/ui/badge';
import { cn } from '@/lib/cn';
import { formatInt } from '@/lib/format';

function lookOf(cluster: Cluster): { tone: Tone; icon: LucideIcon; word: string } {
  const { held, tolerated } = cluster.quorum;
  if (!held) return { tone: 'bad', icon: CircleX, word: 'No quorum' };
  if (cluster.mode === 'single') return { tone: 'info', icon: CircleCheck, word: 'Single node' };
  return tolerated > 0
    ? { tone: 'ok', icon: CircleCheck, word: 'Quorum held' }
    : { tone: 'warn', icon: TriangleAlert, word: 'Quorum held, no spare' };
}

/** The state of the cluster in one sentence, with the figures behind it. */
export function QuorumHero({ cluster }: { cluster: Cluster }) {
  const { quorum } = cluster;
  const { tone, icon: Icon, word } = lookOf(cluster);
  const leader = cluster.members.find((member) => member.id === cluster.leader_id);
  return (
    <section aria-label="Quorum" className="overflow-hidden rounded-lg border bg-surface">
      <div className="flex flex-col gap-3 p-4 sm:p-5">
        <div className="flex flex-wrap items-center gap-3">
          <QuorumMeter count={quorum} />
          <Badge tone={tone} icon={Icon}>
            {word}
          </Badge>
          {cluster.growing ? <Badge tone="info">Growing into a cluster</Badge> : null}
          <span className="text-ink-3 text-xs">{quorumWords(quorum)}</span>
        </div>
        <p
          aria-live="polite"
          className={cn(
            'max-w-3xl text-balance font-semibold text-xl leading-7 tracking-tight sm:text-2xl sm:leading-8',
            tone === 'bad' ? TONE_TEXT.bad : 'text-ink',
          )}
        >
          {quorum.sentence}
        </p>
        {quorum.advice ? <p className="max-w-3xl text-base text-ink-2">{quorum.advice}</p> : null}
      </div>
      <dl className="grid grid-cols-2 gap-px border-t bg-line sm:grid-cols-3 min-[87.5rem]:grid-cols-6 lg:max-xl:grid-cols-6">
        <Figure label="Leader" value={leader ? leader.name : 'none'} alarm={!leader} />
        <Figure label="Term" value={formatInt(cluster.term)} />
        <Figure label="Applied index" value={formatInt(cluster.applied_index)} note={behind(cluster)} />
        <Figure label="Version" value={cluster.version} note={olderVersion(cluster)} />
        <Figure label="CA expires" value={<Expiry at={cluster.ca_expires_at} />} />
        <LastBackup {...cluster} />
      </dl>
    </section>
  );
}

function LastBackup({ backups: { last_at: lastAt, failed_since: failed, scheduled } }: Cluster) {
  const note = failed > 0 ? `${failed} failed since` : scheduled ? 'on schedule' : 'no schedule';
  return (
    <Figure
      label="Last backup"
      value={lastAt === null ? 'none' : <Time at={lastAt} />}
      note={note}
      alarm={failed > 0}
    />
  );
}

const behind = ({ applied_index: applied, tip_index: tip }: Cluster): string =>
  tip > applied ? `${formatInt(tip - applied)} behind the tip` : 'at the tip';

const olderVersion = ({ version, oldest_version: oldest }: Cluster): string =>
  oldest === version ? 'on all members' : `oldest ${oldest}`;

interface FigureProps {
  label: string;
  value: ReactNode;
  note?: string;
  alarm?: boolean;
}

function Figure({ label, value, note, alarm = false }: FigureProps) {
  return (
    <div className="min-w-0 bg-surface px-4 py-2.5 sm:px-5">
      <dt className="text-ink-3 text-xs">{label}</dt>
      <dd className={cn('truncate font-medium text-base', alarm ? 'text-bad' : 'text-ink')}>{value}</dd>
      {note ? <dd className="truncate text-2xs text-ink-3">{note}</dd> : null}
    </div>
  );
}
