'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { roleAllows } from '@/lib/access';
import { cn } from '@/lib/cn';
import { clusterQuery, meQuery } from '@/lib/queries';
import { Logo } from '../logo';
import { NAVIGATION } from './navigation';

/** The navigation; `onNavigate` lets the sheet on phones close itself. */
export function Sidebar({ onNavigate }: { onNavigate?: () => void }) {
  const pathname = usePathname();
  const me = useQuery(meQuery);
  const cluster = useQuery(clusterQuery);
  const self = cluster.data?.members.find((member) => member.self);
  return (
    <>
      <div className="flex h-12 shrink-0 items-center gap-2 border-b px-4">
        <Logo className="size-5.5 text-accent" />
        <span className="font-semibold text-base text-ink tracking-tight">Quorate</span>
      </div>
      <nav aria-label="Pages" className="flex-1 overflow-y-auto px-2 py-3">
        {NAVIGATION.map((group) => {
          const items = group.items.filter((item) => !me.data || roleAllows(me.data.role, item.needs));
          if (items.length === 0) return null;
          return (
            <div key={group.label} className="mb-4">
              <p className="px-2 pb-1 font-medium text-2xs text-ink-3">{group.label}</p>
              <ul>
                {items.map(({ href, label, icon: Icon }) => {
                  const active = pathname === href;
                  return (
                    <li key={href}>
                      <Link
                        href={href}
                        aria-current={active ? 'page' : undefined}
                        {...(onNavigate ? { onClick: onNavigate } : {})}
                        className={cn(
                          'flex h-8 items-center gap-2.5 rounded-md px-2 text-ink-2 hover:bg-hover hover:text-ink',
                          active && 'bg-accent-soft font-medium text-accent hover:bg-accent-soft hover:text-accent',
                        )}
                      >
                        <Icon aria-hidden className="size-4 shrink-0" strokeWidth={1.75} />
                        {label}
                      </Link>
                    </li>
                  );
                })}
              </ul>
            </div>
          );
        })}
      </nav>
      <div className="shrink-0 border-t px-4 py-2.5 text-2xs text-ink-3 leading-4">
        <p className="truncate">{self ? `Answered by ${self.name} (node ${self.id})` : ' '}</p>
        <p>
          {cluster.data ? `Version ${cluster.data.version}` : ' '}
          {cluster.data ? (
            <>
              {' · '}
              <a className="underline underline-offset-2 hover:text-ink" href="/docs">
                API
              </a>
            </>
          ) : null}
        </p>
      </div>
    </>
  );
}
