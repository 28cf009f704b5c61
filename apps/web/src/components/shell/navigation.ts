import type { Role } from '@quorate/shared/route';
import {
  Archive,
  Boxes,
  Cable,
  Cpu,
  Gauge,
  KeyRound,
  type LucideIcon,
  Network,
  Radio,
  ScrollText,
  Settings2,
  ShieldCheck,
  Split,
  SquareTerminal,
  Users,
} from 'lucide-react';

export interface Destination {
  href: string;
  label: string;
  icon: LucideIcon;
  /** The least role that sees anything there. */
  needs: Role;
  /** Other words somebody may search for. */
  keywords: readonly string[];
}

interface Group {
  label: string;
  items: readonly Destination[];
}

/** Every page of the console, in the order of the sidebar and of the palette. */
export const NAVIGATION: readonly Group[] = [
  {
    label: 'Cluster',
    items: [
      { href: '/', label: 'Overview', icon: Gauge, needs: 'viewer', keywords: ['home', 'quorum', 'status', 'leader'] },
      { href: '/members', label: 'Members', icon: Network, needs: 'viewer', keywords: ['nodes', 'voters', 'learners'] },
      {
        href: '/join-tokens',
        label: 'Join tokens',
        icon: KeyRound,
        needs: 'operator',
        keywords: ['add', 'grow', 'join'],
      },
    ],
  },
  {
    label: 'Traffic',
    items: [
      { href: '/load-balancer', label: 'Load balancer', icon: Split, needs: 'viewer', keywords: ['haproxy', 'config'] },
      {
        href: '/connector',
        label: 'Connector',
        icon: Cable,
        needs: 'viewer',
        keywords: ['upstream', 'gateway', 'standby', 'takeover', 'connection'],
      },
    ],
  },
  {
    label: 'Work',
    items: [
      {
        href: '/services',
        label: 'Services',
        icon: Boxes,
        needs: 'viewer',
        keywords: ['replicas', 'scale', 'rollout', 'autoscaling', 'restart'],
      },
      {
        href: '/ha',
        label: 'HA mode',
        icon: ShieldCheck,
        needs: 'viewer',
        keywords: ['failover', 'high availability', 'system services', 'update', 'moves'],
      },
      {
        href: '/jobs',
        label: 'Jobs',
        icon: SquareTerminal,
        needs: 'viewer',
        keywords: ['queue', 'run', 'command', 'logs', 'schedule', 'cron', 'dead letters'],
      },
      {
        href: '/runners',
        label: 'Runners',
        icon: Cpu,
        needs: 'viewer',
        keywords: ['workers', 'capacity', 'labels', 'load'],
      },
    ],
  },
  {
    label: 'Data',
    items: [
      {
        href: '/backups',
        label: 'Backups',
        icon: Archive,
        needs: 'viewer',
        keywords: ['restore', 'schedule', 'retention', 's3', 'download'],
      },
    ],
  },
  {
    label: 'History',
    items: [
      { href: '/events', label: 'Events', icon: Radio, needs: 'viewer', keywords: ['stream', 'live', 'alarms'] },
      { href: '/audit', label: 'Audit', icon: ScrollText, needs: 'operator', keywords: ['who', 'changes', 'log'] },
    ],
  },
  {
    label: 'Access',
    items: [
      {
        href: '/access',
        label: 'Users and API tokens',
        icon: Users,
        needs: 'admin',
        keywords: ['accounts', 'passwords', 'roles', 'keys'],
      },
      {
        href: '/settings',
        label: 'Settings',
        icon: Settings2,
        needs: 'admin',
        keywords: ['webhooks', 'support bundle', 'notifications'],
      },
    ],
  },
];
