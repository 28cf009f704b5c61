import type { Quorum } from '@quorate/shared/cluster';
import { Panel } from '@/components/ui/panel';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { cn } from '@/lib/cn';

const WORDS = ['nothing', 'one failure', 'two failures', 'three failures'];

/** What each number of voters needs and survives; the present one stands out. */
export function QuorumTable({ quorum }: { quorum: Quorum }) {
  if (quorum.table.length === 0) return null;
  return (
    <Panel title="How many voters" flush>
      <Table label="Voters, majority and tolerated failures">
        <thead>
          <tr>
            <Th>Voters</Th>
            <Th>Needed to write</Th>
            <Th>Survives</Th>
          </tr>
        </thead>
        <tbody>
          {quorum.table.map(({ voters, needed, tolerated }) => {
            const present = voters === quorum.voters;
            return (
              <Tr key={voters} aria-current={present || undefined} className={cn(present && 'bg-sunken font-medium')}>
                <Td>
                  {voters}
                  {present ? <span className="ml-2 text-ink-3 text-xs">now</span> : null}
                </Td>
                <Td>{needed}</Td>
                <Td>
                  {WORDS[tolerated] ?? `${tolerated} failures`}
                  {voters > 1 && voters % 2 === 0 ? (
                    <span className="ml-2 text-ink-3 text-xs">the same as {voters - 1}</span>
                  ) : null}
                </Td>
              </Tr>
            );
          })}
        </tbody>
      </Table>
    </Panel>
  );
}
