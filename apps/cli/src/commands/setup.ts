import { setupRoutes } from '@quorate/shared/setup';
import { CliError } from '../cli-error';
import type { Register } from '../register';
import { readInput, readSecret } from '../secrets';

interface SetupOptions {
  clusterName: string;
  user: string;
  passwordFile?: string;
  setupCodeFile?: string;
}

export const registerSetup: Register = (program, run) => {
  program
    .command('setup')
    .description('Create the first admin of a new cluster; works once (needs --server or --socket)')
    .requiredOption('--cluster-name <name>', 'what the cluster is called')
    .option('--user <name>', 'name of the first admin', 'admin')
    .option('--password-file <file>', 'read the password from a file; - is standard input')
    .option('--setup-code-file <file>', 'the code that quorate agent setup-code shows; not needed on the node itself')
    .action(
      run(async (inv, options: SetupOptions) => {
        if (options.passwordFile === '-' && options.setupCodeFile === '-') {
          throw new CliError('usage', 'only one secret can come from standard input');
        }
        const setup_code = options.setupCodeFile
          ? (await readInput(inv.io, options.setupCodeFile, 1024)).trim()
          : undefined;
        const password = await readSecret(inv.io, inv.warn, {
          what: 'password',
          file: options.passwordFile,
          fileOption: '--password-file',
          repeat: true,
        });
        const data = await inv.call(setupRoutes.create, {
          body: { cluster_name: options.clusterName, username: options.user, password, setup_code },
        });
        inv.print({ data, names: [data.user.username], text: () => `Created the admin ${data.user.username}.` });
        const { target } = await inv.connection();
        const server = target.kind === 'http' ? target.endpoints[0] : 'https://HOST:PORT';
        inv.note(`Sign in with: quorate login ${server} --user ${data.user.username}`);
      }),
    );
};
