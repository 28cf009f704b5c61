import { Eye, Globe, type LucideIcon, Plug, ShieldCheck, Wrench } from 'lucide-react';
import { Badge, type Tone } from '@/components/ui/badge';
import { cn } from '@/lib/cn';

const METHOD_TEXT: Readonly<Record<string, string>> = {
  get: 'text-info',
  post: 'text-ok',
  put: 'text-warn',
  patch: 'text-warn',
  delete: 'text-bad',
};

export function Method({ method, className }: { method: string; className?: string }) {
  return (
    <span className={cn('shrink-0 font-mono font-semibold uppercase', METHOD_TEXT[method] ?? 'text-ink-2', className)}>
      {method}
    </span>
  );
}

const ACCESS: Readonly<Record<string, { label: string; icon: LucideIcon; tone: Tone }>> = {
  public: { label: 'Anybody', icon: Globe, tone: 'plain' },
  viewer: { label: 'Viewer', icon: Eye, tone: 'plain' },
  operator: { label: 'Operator', icon: Wrench, tone: 'info' },
  admin: { label: 'Admin', icon: ShieldCheck, tone: 'accent' },
  local: { label: 'Agent socket', icon: Plug, tone: 'warn' },
};

/** Who may call. */
export function AccessBadge({ access }: { access: string }) {
  const look = ACCESS[access];
  if (!look) return null;
  return (
    <Badge tone={look.tone} icon={look.icon}>
      {look.label}
    </Badge>
  );
}
