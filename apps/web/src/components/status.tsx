import type { Member } from '@quorate/shared/cluster';
import type { JoinToken } from '@quorate/shared/join-tokens';
import {
  Activity,
  Ban,
  CircleCheck,
  CircleDashed,
  CircleHelp,
  Clock,
  Crown,
  Eye,
  Hourglass,
  Ticket,
  TriangleAlert,
  Unplug,
  Vote,
  Wrench,
} from 'lucide-react';
import { Badge, type Look, LookBadge } from './ui/badge';

export const HEALTH = {
  healthy: ['Healthy', 'ok', CircleCheck],
  lagging: ['Lagging', 'warn', Hourglass],
  unhealthy: ['Unhealthy', 'bad', TriangleAlert],
  unreachable: ['Unreachable', 'bad', Unplug],
  unknown: ['Unknown', 'plain', CircleHelp],
} as const satisfies Record<Member['health'], Look>;

const SUFFRAGE = {
  voter: ['Voter', 'plain', Vote],
  learner: ['Learner', 'info', Eye],
  joining: ['Joining', 'info', CircleDashed],
} as const satisfies Record<Member['suffrage'], Look>;

const TOKEN = {
  active: ['Active', 'ok', Activity],
  used_up: ['Used up', 'plain', Ticket],
  expired: ['Expired', 'plain', Clock],
  revoked: ['Revoked', 'bad', Ban],
} as const satisfies Record<JoinToken['status'], Look>;

const show = (look: Look) => <LookBadge look={look} />;

export const HealthBadge = ({ health }: { health: Member['health'] }) => show(HEALTH[health]);
export const SuffrageBadge = ({ suffrage }: { suffrage: Member['suffrage'] }) => show(SUFFRAGE[suffrage]);
export const TokenBadge = ({ status }: { status: JoinToken['status'] }) => show(TOKEN[status]);
export const DrainedBadge = () => (
  <Badge tone="warn" icon={Wrench}>
    Drained
  </Badge>
);
export const LeaderBadge = () => (
  <Badge tone="accent" icon={Crown}>
    Leader
  </Badge>
);
