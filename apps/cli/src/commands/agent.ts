import { pairingRoutes } from '@quorate/shared/pairing';
import { setupRoutes } from '@quorate/shared/setup';
import { userRoutes } from '@quorate/shared/users';
import type { Register } from '../register';
import { registerAlarm } from './alarm';
import { addAgentBackup } from './backup';
import { addMemberCommands } from './cluster';
import { addAgentRestoreCommands } from './restore';
import { addSnapshotCommands } from './snapshot';
import { newPassword, type PasswordOptions, passwordFileOption, passwordOption } from './user';

/** Speaks to the node on this host over its socket: no login, the file's permission is the guard. */
export const registerAgent: Register = (program, run) => {
  const agent = program.command('agent').description('Operate the node on this host over its socket, without login');
  const cluster = agent.command('cluster').description('Members and leadership');
  addMemberCommands(cluster, run, 'list');
  addAgentRestoreCommands(cluster, run);
  addSnapshotCommands(agent, run);
  registerAlarm(agent, run);
  addAgentBackup(agent, run);
  agent
    .command('setup-code')
    .description('Show the code that creates the first admin from another host')
    .action(
      run(async (inv) => {
        const data = await inv.call(setupRoutes.code, {});
        inv.print({ data, names: [data.setup_code], text: () => data.setup_code });
      }),
    );
  agent
    .command('pairing-code')
    .description('Show the code by which a cluster can add this waiting node')
    .action(
      run(async (inv) => {
        const data = await inv.call(pairingRoutes.code, {});
        inv.print({ data, names: [data.pairing_code], text: () => data.pairing_code });
        inv.note(`On the cluster, run: quorate cluster add ${data.address}`);
      }),
    );
  agent
    .command('admin')
    .description('The way back in')
    .command('reset')
    .description('Make a user admin with a new password, creating it when absent; ends its sessions')
    .argument('[user]', 'name of the user', 'admin')
    .addOption(passwordFileOption())
    .addOption(passwordOption())
    .action(
      run(async (inv, username: string, options: PasswordOptions) => {
        const password = await newPassword(inv, options);
        await inv.confirm(`Make ${username} an admin with this new password?`);
        await inv.call(userRoutes.resetAdmin, { body: { username, password } });
        inv.note(`${username} is an admin and signs in with the new password.`);
      }),
    );
};
