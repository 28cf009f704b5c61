import type { Service } from '@quorate/shared/services';
import {
  CircleCheck,
  CirclePause,
  CircleX,
  Hourglass,
  LoaderCircle,
  RefreshCw,
  ShieldCheck,
  TriangleAlert,
  Undo2,
  Unplug,
} from 'lucide-react';
import { Badge, type Look, LookBadge } from '@/components/ui/badge';
import { isStranded, type Replica, type ServiceState, stateOf } from './service-words';

const SERVICE: Record<ServiceState, Look> = {
  running: ['Running', 'ok', CircleCheck],
  starting: ['Starting', 'info', LoaderCircle],
  failing: ['Failing', 'bad', CircleX],
  stranded: ['Runner offline', 'warn', Unplug],
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

const show = (look: Look) => <LookBadge look={look} />;

export const ServiceBadge = ({ service }: { service: Service }) => show(SERVICE[stateOf(service)]);
const STRANDED: Look = ['Out of reach', 'warn', Unplug];
const lookOf = (replica: Replica): Look => (isStranded(replica) ? STRANDED : REPLICA[replica.state]);

export const ReplicaBadge = ({ replica }: { replica: Replica }) => show(lookOf(replica));
export const replicaWord = (replica: Replica): string => lookOf(replica)[0];
export const SystemBadge = () => (
  <Badge tone="accent" icon={ShieldCheck}>
    System
  </Badge>
);
