'use client';

import { useQuery } from '@tanstack/react-query';
import { Command } from 'cmdk';
import { Boxes, Cpu, FileCheck2, KeyRound, type LucideIcon, Search, Server, SquareTerminal } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useTheme } from 'next-themes';
import { Dialog as Radix } from 'radix-ui';
import { type ReactNode, useEffect } from 'react';
import { roleAllows } from '@/lib/access';
import { clusterQuery, meQuery } from '@/lib/queries';
import { NAVIGATION } from './navigation';
import { THEMES } from './theme-menu';

interface PaletteProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

const ACTIONS = [
  { label: 'Mint a join token', href: '/join-tokens?mint=true', icon: KeyRound, needs: 'admin' },
  { label: 'Run a new service', href: '/services?create=true', icon: Boxes, needs: 'operator' },
  { label: 'Submit a job', href: '/jobs?submit=true', icon: SquareTerminal, needs: 'operator' },
  { label: 'Add a runner', href: '/runners?add=true', icon: Cpu, needs: 'admin' },
  { label: 'Check an older configuration', href: '/load-balancer?tab=check', icon: FileCheck2, needs: 'viewer' },
] as const;

const groupClass =
  '[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-2xs [&_[cmdk-group-heading]]:text-ink-3';

/** ⌘K / Ctrl+K: go anywhere, do the common things. */
export function Palette({ open, onOpenChange }: PaletteProps) {
  const router = useRouter();
  const { setTheme } = useTheme();
  const role = useQuery(meQuery).data?.role ?? 'viewer';
  const cluster = useQuery(clusterQuery);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      onOpenChange(!open);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [open, onOpenChange]);

  const run = (action: () => void) => () => {
    onOpenChange(false);
    action();
  };
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Radix.Content
          aria-describedby={undefined}
          className="appear fixed top-[12vh] left-1/2 z-50 w-[min(36rem,calc(100vw-2rem))] -translate-x-1/2 overflow-hidden rounded-lg border bg-surface shadow-pop"
        >
          <Radix.Title className="sr-only">Go to a page or run an action</Radix.Title>
          <Command label="Go to a page or run an action" loop>
            <div className="flex items-center gap-2 border-b px-3">
              <Search aria-hidden className="size-4 text-ink-3" />
              <Command.Input
                placeholder="Go to a page, a member, an action…"
                className="h-11 flex-1 bg-transparent text-base text-ink outline-none placeholder:text-ink-3"
              />
            </div>
            <Command.List className="max-h-[50vh] overflow-y-auto p-1.5">
              <Command.Empty className="px-3 py-8 text-center text-ink-2">Nothing matches.</Command.Empty>
              <Command.Group heading="Pages" className={groupClass}>
                {NAVIGATION.flatMap((group) => group.items)
                  .filter((item) => roleAllows(role, item.needs))
                  .map(({ href, label, icon, keywords }) => (
                    <Item key={href} icon={icon} keywords={keywords} onSelect={run(() => router.push(href))}>
                      {label}
                    </Item>
                  ))}
              </Command.Group>
              <Command.Group heading="Actions" className={groupClass}>
                {ACTIONS.filter((action) => roleAllows(role, action.needs)).map(({ href, label, icon }) => (
                  <Item key={href} icon={icon} onSelect={run(() => router.push(href))}>
                    {label}
                  </Item>
                ))}
              </Command.Group>
              <Command.Group heading="Members" className={groupClass}>
                {(cluster.data?.members ?? []).map((member) => (
                  <Item
                    key={member.id}
                    icon={Server}
                    keywords={[member.cluster_address, `node ${member.id}`]}
                    onSelect={run(() => router.push(`/members?q=${encodeURIComponent(member.name)}`))}
                  >
                    {member.name}
                  </Item>
                ))}
              </Command.Group>
              <Command.Group heading="Theme" className={groupClass}>
                {THEMES.map(({ value, label, icon }) => (
                  <Item key={value} icon={icon} onSelect={run(() => setTheme(value))}>
                    {`${label} theme`}
                  </Item>
                ))}
              </Command.Group>
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ItemProps {
  icon: LucideIcon;
  keywords?: readonly string[];
  onSelect: () => void;
  children: ReactNode;
}

function Item({ icon: Icon, keywords = [], onSelect, children }: ItemProps) {
  return (
    <Command.Item
      keywords={[...keywords]}
      onSelect={onSelect}
      className="flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2 text-ink aria-selected:bg-hover"
    >
      <Icon aria-hidden className="size-4 text-ink-3" />
      {children}
    </Command.Item>
  );
}
