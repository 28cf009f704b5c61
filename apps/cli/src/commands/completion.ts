import { Argument } from 'commander';
import { completionScript, SHELLS, type Shell } from '../completion';
import type { Register } from '../register';

export const registerCompletion: Register = (program, run) => {
  program
    .command('completion')
    .description('Print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Install:
  bash  quorate completion bash > /etc/bash_completion.d/quorate
  zsh   quorate completion zsh > "\${fpath[1]}/_quorate"
  fish  quorate completion fish > ~/.config/fish/completions/quorate.fish`,
    )
    .action(
      run(async (inv, shell: Shell) => {
        const script = completionScript(program, shell);
        inv.print({ data: { shell, script }, names: [shell], text: () => script });
      }),
    );
};
