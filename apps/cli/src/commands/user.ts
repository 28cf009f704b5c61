import { nearest } from '@quorate/shared/nearest';
import { ROLES, type Role } from '@quorate/shared/route';
import { sessionRoutes } from '@quorate/shared/session';
import { type User, userRoutes } from '@quorate/shared/users';
import { Option } from 'commander';
import { CliError } from '../cli-error';
import { updateConfig } from '../config-store';
import { utcTime } from '../duration';
import { type Invocation, openInvocation } from '../invocation';
import { type Column, listView, recordView } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';
import { readSecret } from '../secrets';

const COLUMNS: readonly Column<User>[] = [
  { header: 'NAME', value: (u) => u.username },
  { header: 'ROLE', value: (u) => u.role },
  { header: 'CREATED', value: (u) => utcTime(u.created_at) },
  { header: 'UPDATED', value: (u) => utcTime(u.updated_at) },
  { header: 'ID', value: (u) => u.id },
];

const listUsers = (inv: Invocation) => collectPages(MAX_LISTED, (query) => inv.call(userRoutes.list, { query }));

async function findUser(inv: Invocation, nameOrId: string): Promise<User> {
  const { items } = await listUsers(inv);
  const user = items.find((item) => item.username === nameOrId || item.id === nameOrId);
  if (user) return user;
  const suggestion = nearest(
    nameOrId,
    items.map((item) => item.username),
  );
  throw new CliError('notFound', `there is no user '${nameOrId}'`, {
    hint: suggestion ? `did you mean ${suggestion}?` : 'list them with: quorate user list',
  });
}

const show = (user: User) =>
  recordView({
    data: user,
    name: user.username,
    fields: [
      ['name', user.username],
      ['role', user.role],
      ['id', user.id],
      ['created', utcTime(user.created_at)],
    ],
  });

export interface PasswordOptions {
  passwordFile?: string;
  password?: string;
}

export const newPassword = (inv: Invocation, options: PasswordOptions): Promise<string> =>
  readSecret(inv.io, inv.warn, {
    what: 'new password',
    file: options.passwordFile,
    fileOption: '--password-file',
    inline: options.password,
    inlineOption: '--password',
    repeat: true,
  });

export const passwordFileOption = () =>
  new Option('--password-file <file>', 'read the new password from a file; - is standard input');
export const passwordOption = () => new Option('--password <secret>').hideHelp();
const roleOption = () => new Option('--role <role>', 'what the user may do').choices(ROLES);

/** A new password ends every session, this one included: the context gets a new one. */
async function renewSession(inv: Invocation, username: string, password: string): Promise<void> {
  const connection = await inv.connection();
  const { contextName } = connection;
  if (contextName === undefined) return;
  // Without the ended session's token: the server refuses a stale one on every route.
  const anonymous = openInvocation(inv.io, inv.globals, {
    local: false,
    resolved: { ...connection, token: undefined },
  });
  const session = await anonymous
    .call(sessionRoutes.create, { body: { username, password } })
    .finally(() => anonymous.close());
  await updateConfig(inv.io, (config) => {
    const context = config.contexts[contextName];
    if (!context || session.token === null) return false;
    context.token = session.token;
    context.token_expires_at = session.expires_at;
    return true;
  });
}

async function changeOwnPassword(inv: Invocation, options: PasswordOptions & { currentPasswordFile?: string }) {
  if (options.currentPasswordFile === '-' && options.passwordFile === '-') {
    throw new CliError('usage', 'only one password can come from standard input');
  }
  const current_password = await readSecret(inv.io, inv.warn, {
    what: 'current password',
    file: options.currentPasswordFile,
    fileOption: '--current-password-file',
  });
  const new_password = await newPassword(inv, options);
  const { name } = await inv.call(sessionRoutes.me, {});
  await inv.call(userRoutes.changeOwnPassword, { body: { current_password, new_password } });
  await renewSession(inv, name, new_password);
  inv.note('Your password was changed; your other sessions have ended.');
}

export const registerUser: Register = (program, run) => {
  const user = program.command('user').description('Users and their roles');
  user
    .command('list')
    .description('All users')
    .action(
      run(async (inv) => {
        const data = await listUsers(inv);
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (u) => u.username, empty: 'No users.' }));
      }),
    );
  user
    .command('create')
    .description('Create a user')
    .argument('<name>', 'lower-case letters, digits, dot, dash and underscore')
    .addOption(roleOption().default('viewer'))
    .addOption(passwordFileOption())
    .addOption(passwordOption())
    .action(
      run(async (inv, username: string, options: PasswordOptions & { role: Role }) => {
        const password = await newPassword(inv, options);
        inv.print(show(await inv.call(userRoutes.create, { body: { username, password, role: options.role } })));
      }),
    );
  user
    .command('update')
    .description("Change a user's role")
    .argument('<user>', 'name or id')
    .addOption(roleOption().makeOptionMandatory())
    .action(
      run(async (inv, nameOrId: string, options: { role: Role }) => {
        const { id } = await findUser(inv, nameOrId);
        inv.print(show(await inv.call(userRoutes.update, { params: { id }, body: { role: options.role } })));
      }),
    );
  user
    .command('passwd')
    .description("Change your own password, or as an admin another user's; ends that user's sessions")
    .argument('[user]', 'name or id; by default yourself')
    .addOption(passwordFileOption())
    .addOption(passwordOption())
    .option('--current-password-file <file>', 'read your current password from a file; - is standard input')
    .action(
      run(async (inv, nameOrId: string | undefined, options: PasswordOptions & { currentPasswordFile?: string }) => {
        const self = await inv.call(sessionRoutes.me, {});
        if (nameOrId === undefined || (self.kind === 'user' && nameOrId === self.name))
          return changeOwnPassword(inv, options);
        const found = await findUser(inv, nameOrId);
        const password = await newPassword(inv, options);
        await inv.call(userRoutes.update, { params: { id: found.id }, body: { password } });
        inv.note(`The password of ${found.username} was changed; the user's sessions have ended.`);
      }),
    );
  user
    .command('delete')
    .description('Delete a user and end its sessions')
    .argument('<user>', 'name or id')
    .action(
      run(async (inv, nameOrId: string) => {
        const found = await findUser(inv, nameOrId);
        await inv.confirm(`Delete the user ${found.username} (${found.role})?`);
        await inv.call(userRoutes.remove, { params: { id: found.id } });
        inv.note(`The user ${found.username} was deleted.`);
      }),
    );
};
