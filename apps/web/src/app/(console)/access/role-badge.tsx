import type { Role } from '@quorate/shared/route';
import { Eye, type LucideIcon, ShieldCheck, Wrench } from 'lucide-react';
import { LookBadge, type Tone } from '@/components/ui/badge';

const LOOKS: Record<Role, { word: string; tone: Tone; icon: LucideIcon }> = {
  viewer: { word: 'Viewer', tone: 'plain', icon: Eye },
  operator: { word: 'Operator', tone: 'info', icon: Wrench },
  admin: { word: 'Admin', tone: 'accent', icon: ShieldCheck },
};

export function RoleBadge({ role }: { role: Role }) {
  const { word, tone, icon } = LOOKS[role];
  return <LookBadge look={[word, tone, icon]} />;
}
