import { clusterRoutes, type Quorum } from '@quorate/shared/cluster';
import { isErrorCode } from '@quorate/shared/error-codes';
import { pairingRoutes } from '@quorate/shared/pairing';
import type { Command } from 'commander';
import { CliError } from '../cli-error';
import { exitOf } from '../exit-codes';
import type { Invocation } from '../invocation';
import { findMember, learnEndpoints, MEMBER_COLUMNS, memberFields, previewText } from '../member-view';
import { type Column, listView, recordView } from '../output';
import type { Register, Run } from '../register';
import { readSecret } from '../secrets';
import { addFailoverCommands } from './failover';
import { addKeyCommands } from './keys';
import { addReplicaCommands } from './replicas';

async function listMembers(inv: Invocation): Promise<void> {
  const data = await inv.call(clusterRoutes.members, {});
  await learnEndpoints(inv, data.items);
  inv.print(listView({ data, rows: data.items, columns: MEMBER_COLUMNS, name: (m) => m.name, empty: 'No members.' }));
}

async function removeMember(inv: Invocation, idOrName: string, options: RemoveOptions): Promise<void> {
  const member = await findMember(inv, idOrName);
  const params = { id: member.id };
  const force = options.force ? 'true' : 'false';
  const preview = await inv.call(clusterRoutes.removeMember, { params, query: { dry_run: 'true', force } });
  const shown = {
    data: preview,
    names: [member.name],
    text: (colors: typeof inv.colors) => previewText(preview, colors),
  };
  for (const warning of preview.warnings) inv.warn(warning);
  if (preview.refusal) {
    inv.note(previewText(preview, inv.colors));
    const { code, detail } = preview.refusal;
    throw new CliError(isErrorCode(code) ? exitOf(code, 409) : 'conflict', detail);
  }
  if (options.dryRun) return inv.print(shown);
  inv.note(previewText(preview, inv.colors));
  await inv.confirm(`Remove ${member.name} (id ${member.id}) from the cluster? Its id is never used again.`);
  const done = await inv.call(clusterRoutes.removeMember, { params, query: { force } });
  inv.note(`${member.name} (id ${member.id}) was removed; stop its process and clear its data directory.`);
  if (inv.globals.output !== 'table') inv.print({ ...shown, data: done });
}

const quorumColumns = (quorum: Quorum): readonly Column<Quorum['table'][number]>[] => [
  { header: 'VOTERS', value: (row) => row.voters },
  { header: 'NEEDED', value: (row) => row.needed },
  { header: 'TOLERATED', value: (row) => row.tolerated },
  { header: 'NOW', value: (row) => (row.voters === quorum.voters ? `${quorum.healthy} healthy` : null) },
];

async function addWaitingNode(inv: Invocation, address: string, options: { codeFile?: string }): Promise<void> {
  const pairing_code = await readSecret(inv.io, inv.warn, {
    what: 'pairing code',
    file: options.codeFile,
    fileOption: '--code-file',
  });
  const data = await inv.call(pairingRoutes.add, { body: { address, pairing_code } });
  inv.print({ data, names: [data.name], text: () => `Added ${data.name} as node ${data.id}.` });
  inv.note('It becomes a voter by itself; watch it with: quorate join list');
}

interface RemoveOptions {
  force?: boolean;
  dryRun?: boolean;
}

/** Adds what is done to members below `parent`; shared with `quorate agent cluster`. */
export function addMemberCommands(parent: Command, run: Run, listName: string): void {
  parent
    .command(listName)
    .description('Members with suffrage, health, lag and addresses')
    .action(run(async (inv) => listMembers(inv)));
  parent
    .command('add')
    .description('Add a node that waits to be paired; it joins and becomes a voter by itself')
    .argument('<address>', 'HOST:PORT, the cluster address that the log of the waiting node names')
    .option('--code-file <file>', 'read its pairing code from a file; - is standard input')
    .action(run(addWaitingNode));
  parent
    .command('remove')
    .description('Remove a member, after showing the quorum before and after')
    .argument('<member>', 'id or name')
    .option('--force', 'remove it although it is unreachable')
    .option('--dry-run', 'only show the quorum before and after')
    .action(run(removeMember));
  parent
    .command('drain')
    .description('Take a member out of service for maintenance; it still votes')
    .argument('<member>', 'id or name')
    .action(
      run(async (inv, idOrName: string) => {
        const member = await findMember(inv, idOrName);
        await inv.confirm(`Take ${member.name} (id ${member.id}) out of service?`);
        const data = await inv.call(clusterRoutes.drainMember, { params: { id: member.id } });
        inv.note(`${data.name} is drained. Put it back with: quorate cluster resume ${data.name}`);
      }),
    );
  parent
    .command('resume')
    .description('Put a drained member back into service')
    .argument('<member>', 'id or name')
    .action(
      run(async (inv, idOrName: string) => {
        const member = await findMember(inv, idOrName);
        const data = await inv.call(clusterRoutes.resumeMember, { params: { id: member.id } });
        inv.note(`${data.name} is in service again.`);
      }),
    );
  parent
    .command('transfer-leadership')
    .description('Hand the leadership to another member')
    .option('--to <member>', 'id or name; by default the most advanced voter')
    .action(
      run(async (inv, options: { to?: string }) => {
        const to = options.to === undefined ? null : (await findMember(inv, options.to)).id;
        const data = await inv.call(clusterRoutes.transferLeadership, { body: { to } });
        inv.print({
          data,
          names: [String(data.to)],
          text: () =>
            `Leadership went from node ${data.from} to node ${data.to} in ${Math.round(data.duration_ms)} ms (term ${data.term}).`,
        });
      }),
    );
}

export const registerCluster: Register = (program, run) => {
  const cluster = program.command('cluster').description('Members and leadership');
  addMemberCommands(cluster, run, 'members');
  addFailoverCommands(cluster, run);
  addKeyCommands(cluster, run);
  addReplicaCommands(cluster, run);
  cluster
    .command('quorum')
    .description('What each number of voters needs and survives, and where the cluster stands')
    .action(
      run(async (inv) => {
        const { quorum } = await inv.call(clusterRoutes.get, {});
        const name = ({ voters }: { voters: number }) => String(voters);
        inv.print(
          listView({ data: quorum, rows: quorum.table, columns: quorumColumns(quorum), name, empty: quorum.sentence }),
        );
        inv.note(quorum.advice ? `${quorum.sentence} ${quorum.advice}` : quorum.sentence);
      }),
    );
  cluster
    .command('show')
    .description('Everything about one member')
    .argument('<member>', 'id or name')
    .action(
      run(async (inv, idOrName: string) => {
        const member = await findMember(inv, idOrName);
        const data = await inv.call(clusterRoutes.member, { params: { id: member.id } });
        inv.print(recordView({ data, name: data.name, fields: memberFields(data) }));
      }),
    );
};
