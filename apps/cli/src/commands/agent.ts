import { setupRoutes } from '@quorate/shared/setup';
import type { Register } from '../register';
import { addMemberCommands } from './cluster';

/** Speaks to the node on this host over its socket: no login, the file's permission is the guard. */
export const registerAgent: Register = (program, run) => {
  const agent = program.command('agent').description('Operate the node on this host over its socket, without login');
  const cluster = agent.command('cluster').description('Members and leadership');
  addMemberCommands(cluster, run, 'list');
  agent
    .command('setup-code')
    .description('Show the code that creates the first admin from another host')
    .action(
      run(async (inv) => {
        const data = await inv.call(setupRoutes.code, {});
        inv.print({ data, names: [data.setup_code], text: () => data.setup_code });
      }),
    );
};
