import { WEBHOOK_DELIVERY_STATES, type Webhook, type WebhookDelivery, webhookRoutes } from '@quorate/shared/webhooks';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error';
import { relativeTime } from '../duration';
import { collect, integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, listView } from '../output';
import { collectPages, MAX_LISTED, type Register, type Run } from '../register';

const COLUMNS: readonly Column<Webhook>[] = [
  { header: 'NAME', value: (w) => w.name },
  { header: 'URL', value: (w) => w.url },
  { header: 'EVENTS', value: (w) => (w.types.length === 0 ? 'all' : w.types.join(',')) },
  {
    header: 'STATE',
    value: (w) => (w.enabled ? (w.failing_since ? `failing: ${w.last_error}` : 'ok') : 'disabled'),
    paint: (text, w, colors) => (w.failing_since ? colors.yellow(text) : text),
  },
  { header: 'WAITING', value: (w) => w.waiting },
  { header: 'DEAD', value: (w) => w.dead_letters },
  { header: 'ID', value: (w) => w.id },
];

const DELIVERY_COLUMNS: readonly Column<WebhookDelivery>[] = [
  { header: 'SEQ', value: (d) => d.seq },
  { header: 'EVENT', value: (d) => d.event_type },
  { header: 'STATE', value: (d) => d.state },
  { header: 'ATTEMPTS', value: (d) => d.attempts },
  { header: 'HTTP', value: (d) => d.http_status },
  { header: 'ERROR', value: (d) => d.error },
  { header: 'WHEN', value: (d) => relativeTime(d.at, Date.now()) },
];

const listWebhooks = (inv: Invocation) => collectPages(MAX_LISTED, (query) => inv.call(webhookRoutes.list, { query }));

async function findWebhook(inv: Invocation, nameOrId: string): Promise<Webhook> {
  const { items } = await listWebhooks(inv);
  const found = items.find((item) => item.id === nameOrId || item.name === nameOrId);
  if (found) return found;
  throw new CliError('notFound', `there is no webhook '${nameOrId}'`, { hint: 'list them with: quorate webhook list' });
}

function showSecret(inv: Invocation, data: Webhook & { secret: string }): void {
  inv.print({ data, names: [data.secret], text: () => data.secret });
  inv.note('Keep it now: it is shown only once. Receivers check the header webhook-signature with it.');
}

interface ChangeOptions {
  name?: string;
  url?: string;
  event?: string[];
  enable?: boolean;
  disable?: boolean;
}

export const registerWebhook: Register = (program, run) => {
  const webhook = program.command('webhook').description('Where events are sent to');
  webhook
    .command('list')
    .description('All webhooks, how they fare, without their secrets')
    .action(
      run(async (inv) => {
        const data = await listWebhooks(inv);
        const empty = 'No webhooks. Create one with: quorate webhook create NAME URL';
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name: (w) => w.name, empty }));
      }),
    );
  webhook
    .command('create')
    .description('Send events to a URL from now on, and print the signing secret')
    .argument('<name>', 'what it is for')
    .argument('<url>', 'http:// or https://')
    .option('--event <type>', 'a type (member.promoted), topic (member.*) or namespace (cluster); repeatable', collect)
    .action(
      run(async (inv, name: string, url: string, options: { event?: string[] }) => {
        showSecret(inv, await inv.call(webhookRoutes.create, { body: { name, url, types: options.event ?? [] } }));
      }),
    );
  webhook
    .command('update')
    .description('Change a webhook')
    .argument('<webhook>', 'name or id')
    .option('--name <name>', 'another name')
    .option('--url <url>', 'another URL')
    .option('--event <type>', 'the events it gets instead; repeatable', collect)
    .addOption(new Option('--enable', 'go on where it was').conflicts('disable'))
    .option('--disable', 'send nothing until it is enabled again')
    .action(
      run(async (inv, nameOrId: string, { event: types, enable, disable, ...options }: ChangeOptions) => {
        const { id, name } = await findWebhook(inv, nameOrId);
        const enabled = enable ? { enabled: true } : disable ? { enabled: false } : {};
        const body = { ...options, ...(types ? { types } : {}), ...enabled };
        if (Object.keys(body).length === 0) throw new CliError('usage', 'nothing to change was given');
        await inv.call(webhookRoutes.update, { params: { id }, body });
        inv.note(`The webhook ${name} was changed.`);
      }),
    );
  addSecretAndRemoval(webhook, run);
  addDeliveries(webhook, run);
};

function addSecretAndRemoval(webhook: Command, run: Run): void {
  webhook
    .command('rotate-secret')
    .description('Make and print a new signing secret; the old one is out of use at once')
    .argument('<webhook>', 'name or id')
    .action(
      run(async (inv, nameOrId: string) => {
        const { id, name } = await findWebhook(inv, nameOrId);
        await inv.confirm(`Make a new secret for ${name}? Receivers refuse events until they know it.`);
        showSecret(inv, await inv.call(webhookRoutes.rotateSecret, { params: { id } }));
      }),
    );
  webhook
    .command('delete')
    .description('Delete a webhook with its dead letters')
    .argument('<webhook>', 'name or id')
    .action(
      run(async (inv, nameOrId: string) => {
        const { id, name, dead_letters } = await findWebhook(inv, nameOrId);
        await inv.confirm(`Delete the webhook ${name} with ${dead_letters} dead letters?`);
        await inv.call(webhookRoutes.remove, { params: { id } });
        inv.note(`The webhook ${name} was deleted.`);
      }),
    );
}

function addDeliveries(webhook: Command, run: Run): void {
  webhook
    .command('test')
    .description('Send a signed test event once')
    .argument('<webhook>', 'name or id')
    .action(
      run(async (inv, nameOrId: string) => {
        const { id } = await findWebhook(inv, nameOrId);
        const data = await inv.call(webhookRoutes.test, { params: { id } });
        const text = data.delivered
          ? `Delivered: HTTP ${data.http_status} after ${data.duration_ms} ms.`
          : `Not delivered: ${data.error}`;
        inv.print({ data, names: [data.delivered ? 'delivered' : 'failed'], text: () => text });
        if (!data.delivered) inv.endWith('error');
      }),
    );
  webhook
    .command('deliveries')
    .description('The last deliveries and dead letters, newest event first')
    .argument('<webhook>', 'name or id')
    .addOption(new Option('--state <state>', 'only this state').choices(WEBHOOK_DELIVERY_STATES))
    .option('--limit <count>', 'how many to show', integerBetween(1, MAX_LISTED), 50)
    .action(
      run(async (inv, nameOrId: string, options: { state?: WebhookDelivery['state']; limit: number }) => {
        const { id } = await findWebhook(inv, nameOrId);
        const data = await collectPages(options.limit, (query) =>
          inv.call(webhookRoutes.deliveries, { params: { id }, query: { ...query, state: options.state } }),
        );
        const empty = 'Nothing was delivered yet.';
        inv.print(listView({ data, rows: data.items, columns: DELIVERY_COLUMNS, name: (d) => d.seq, empty }));
      }),
    );
  webhook
    .command('replay')
    .description('Try dead letters again: all, or the event with this seq')
    .argument('<webhook>', 'name or id')
    .option('--seq <seq>', 'only this event', integerBetween(1, Number.MAX_SAFE_INTEGER))
    .action(
      run(async (inv, nameOrId: string, { seq }: { seq?: number }) => {
        const { id } = await findWebhook(inv, nameOrId);
        if (seq !== undefined) {
          await inv.call(webhookRoutes.replay, { params: { id, seq } });
          inv.note(`Event ${seq} is tried again.`);
          return;
        }
        const data = await inv.call(webhookRoutes.replayAll, { params: { id } });
        inv.print({
          data,
          names: [String(data.replayed)],
          text: () => `${data.replayed} dead letters are tried again.`,
        });
      }),
    );
}
