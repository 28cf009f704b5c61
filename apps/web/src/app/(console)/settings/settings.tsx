'use client';

import type { Role } from '@quorate/shared/route';
import { useQuery } from '@tanstack/react-query';
import { Settings2 } from 'lucide-react';
import type { ComponentType } from 'react';
import { Page } from '@/components/page';
import { EmptyState } from '@/components/states';
import { Panel } from '@/components/ui/panel';
import { SkeletonRows } from '@/components/ui/skeleton';
import { roleAllows } from '@/lib/access';
import { meQuery } from '@/lib/queries';
import { KeysSection } from './keys-section';
import { RetentionSection } from './retention-section';
import { SupportSection } from './support-section';
import { WebhooksSection } from './webhooks-section';

interface Section {
  /** Anchor of the section. */
  id: string;
  label: string;
  needs: Role;
  Content: ComponentType;
}

/** Every section, in order: a component of its own and a line here. */
const SECTIONS: readonly Section[] = [
  { id: 'keys', label: 'Certificates and keys', needs: 'viewer', Content: KeysSection },
  { id: 'retention', label: 'Retention', needs: 'viewer', Content: RetentionSection },
  { id: 'webhooks', label: 'Webhooks', needs: 'admin', Content: WebhooksSection },
  { id: 'support', label: 'Support bundle', needs: 'admin', Content: SupportSection },
];

export function Settings() {
  const me = useQuery(meQuery);
  const shown = me.data ? SECTIONS.filter(({ needs }) => roleAllows(me.data.role, needs)) : [];
  return (
    <Page title="Settings" description="How this cluster is kept and watched. The same on every node.">
      {me.data ? null : (
        <Panel flush>
          <SkeletonRows rows={4} />
        </Panel>
      )}
      {me.data && shown.length === 0 ? (
        <Panel flush>
          <EmptyState icon={Settings2} title="Nothing here for your role">
            Settings are for admins.
          </EmptyState>
        </Panel>
      ) : null}
      <div className="gap-6 lg:grid lg:grid-cols-[10rem_minmax(0,1fr)] lg:items-start">
        {shown.length > 1 ? (
          <nav aria-label="Settings" className="sticky top-16 max-lg:hidden">
            <ul className="space-y-0.5">
              {shown.map(({ id, label }) => (
                <li key={id}>
                  <a
                    href={`#${id}`}
                    className="block rounded-md px-2.5 py-1.5 text-ink-2 hover:bg-hover hover:text-ink"
                  >
                    {label}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
        ) : null}
        <div className="min-w-0 space-y-4">
          {shown.map(({ id, Content }) => (
            <div key={id} id={id} className="scroll-mt-16">
              <Content />
            </div>
          ))}
        </div>
      </div>
    </Page>
  );
}
