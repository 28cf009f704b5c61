import type { Member } from '@quorate/shared/cluster';

/** Where a member listens, each address named. */
export function Addresses({ member }: { member: Member }) {
  const rows = [
    ['cluster', member.cluster_address],
    ['API', member.api_url],
    ['Raft', member.raft_peer_address],
  ].filter(([, address]) => address);
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-2 xl:grid-cols-[auto_max-content] text-xs leading-4.5">
      {rows.map(([name, address]) => (
        <div key={name} className="col-span-2 grid grid-cols-subgrid">
          <dt className="text-ink-3">{name}</dt>
          <dd className="break-all font-mono xl:whitespace-nowrap text-2xs text-ink-2 leading-4.5">{address}</dd>
        </div>
      ))}
    </dl>
  );
}
