import type { Service } from '@quorate/shared/services';
import {
  CircleCheck,
  CirclePause,
  CircleX,
  Hourglass,
  LoaderCircle,
  type LucideIcon,
  RefreshCw,
  ShieldCheck,
  TriangleAlert,
  Undo2,
} from 'lucide-react';
import { Badge, type Tone } from '@/components/ui/badge';
import { type Replica, type ServiceState, stateOf } from './service-words';

type Look = readonly [word: string, tone: Tone, icon: LucideIcon];

const SERVICE: Record<ServiceState, Look> = {
  running: ['Running', 'ok', CircleCheck],
  starting: ['Starting', 'info', LoaderCircle],
  failing: ['Failing', 'bad', CircleX],
  waiting: ['Waiting for room', 'warn', Hourglass],
  rolling: ['Rolling out', 'info', RefreshCw],
  rollout_failed: ['Rollout failed', 'bad', CircleX],
  rolled_back: ['Rolled back', 'warn', Undo2],
  stopping: ['Stopping', 'info', CirclePause],
  stopped: ['Stopped', 'plain', CirclePause],
};

const REPLICA: Record<Replica['state'], Look> = {
  pending: ['Pending', 'warn', Hourglass],
  starting: ['Starting', 'info', LoaderCircle],
  healthy: ['Healthy', 'ok', CircleCheck],
  unhealthy: ['Unhealthy', 'bad', TriangleAlert],
  backing_off: ['Backing off', 'bad', CircleX],
  stopping: ['Stopping', 'info', CirclePause],
};

const show = ([word, tone, icon]: Look) => (
  <Badge tone={tone} icon={icon}>
    {word}
  </Badge>
);

export const ServiceBadge = ({ service }: { service: Service }) => show(SERVICE[stateOf(service)]);
export const ReplicaBadge = ({ state }: { state: Replica['state'] }) => show(REPLICA[state]);
export const replicaWord = (state: Replica['state']): string => REPLICA[state][0];
export const SystemBadge = () => (
  <Badge tone="accent" icon={ShieldCheck}>
    System
  </Badge>
);
