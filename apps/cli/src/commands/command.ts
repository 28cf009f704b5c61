import { commandRoutes } from '@quorate/shared/commands';
import { recordView } from '../output';
import type { Register } from '../register';

const MEANING = {
  applied: 'the write took effect; do not repeat it',
  refused: 'the write was refused; nothing changed',
  not_seen: 'the write is not in the log (yet); ask again in a few seconds, then repeat it',
} as const;

export const registerCommand: Register = (program, run) => {
  const command = program.command('command').description('What became of a write');
  command
    .command('show')
    .description('Whether a write whose outcome was unknown took effect')
    .argument('<id>', 'command id, as the error named it')
    .action(
      run(async (inv, id: string) => {
        const data = await inv.call(commandRoutes.get, { params: { id } });
        inv.print(
          recordView({
            data,
            name: data.outcome,
            fields: [
              ['command', data.command_id],
              ['outcome', data.outcome],
              ['meaning', MEANING[data.outcome]],
              ['index', data.index],
              ['code', data.code],
            ],
          }),
        );
      }),
    );
};
