'use client';

import { type ReactNode, useEffect, useRef } from 'react';
import { cn } from '@/lib/cn';
import { Method } from './badges';
import type { Group } from './document';
import { NOTES } from './notes';

interface SideNavigationProps {
  groups: readonly Group[];
  showNotes: boolean;
  /** Id of the section that is on screen. */
  current: string | undefined;
  onNavigate?: () => void;
}

const linkClass = 'flex min-h-7 items-center gap-2 rounded-md px-2 py-1 text-ink-2 hover:bg-hover hover:text-ink';
const currentClass = 'bg-accent-soft text-accent hover:bg-accent-soft hover:text-accent';

export function SideNavigation({ groups, showNotes, current, onNavigate }: SideNavigationProps) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => showInside(nav.current, current), [current]);
  const linkProps = (id: string) => ({
    href: `#${id}`,
    'aria-current': current === id ? ('location' as const) : undefined,
    className: cn(linkClass, current === id && currentClass),
    ...(onNavigate ? { onClick: onNavigate } : {}),
  });
  return (
    <nav ref={nav} aria-label="Operations" className="px-2 py-3 text-xs">
      {showNotes ? (
        <Section title="For every operation">
          {NOTES.map(({ id, title }) => (
            <li key={id}>
              <a {...linkProps(id)}>{title}</a>
            </li>
          ))}
        </Section>
      ) : null}
      {groups.map(({ name, operations }) => (
        <Section key={name} title={name}>
          {operations.map(({ operationId, method, path, summary }) => (
            <li key={operationId}>
              <a {...linkProps(operationId)} title={summary}>
                <Method method={method} className="w-11 text-2xs" />
                <span className="min-w-0 break-all font-mono text-2xs">{path.replace(/^\/v1(?=\/)/, '')}</span>
              </a>
            </li>
          ))}
        </Section>
      ))}
    </nav>
  );
}

/** Scrolls the box around the navigation, and nothing else, until the link to `id` can be seen. */
function showInside(nav: HTMLElement | null, id: string | undefined): void {
  const box = nav?.parentElement;
  const link = id === undefined ? null : nav?.querySelector(`a[href="#${CSS.escape(id)}"]`);
  if (!box || !link) return;
  const outer = box.getBoundingClientRect();
  const inner = link.getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom) {
    box.scrollTop += inner.top - outer.top - outer.height / 3;
  }
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="mb-4">
      <p className="px-2 pb-1 font-medium text-2xs text-ink-3">{title}</p>
      <ul>{children}</ul>
    </div>
  );
}
