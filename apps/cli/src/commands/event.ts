import {
  EVENT_TYPES,
  eventRoutes,
  eventSchema,
  LOCAL_TOPICS,
  type QuorateEvent,
  topicOf,
} from '@quorate/shared/events';
import { Option } from 'commander';
import { stringify } from 'yaml';
import { utcTime } from '../duration';
import { integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { type Column, listView, plain } from '../output';
import { collectPages, MAX_LISTED, type Register } from '../register';
import { followEvents } from '../stream';

const COLUMNS: readonly Column<QuorateEvent>[] = [
  { header: 'SEQ', value: (e) => e.seq },
  { header: 'TIME', value: (e) => utcTime(e.at) },
  { header: 'TYPE', value: (e) => e.type },
  { header: 'NODE', value: (e) => (e.local ? `${e.event_src_id} (local)` : e.event_src_id) },
  { header: 'ACTOR', value: (e) => e.actor },
  { header: 'MESSAGE', value: (e) => e.message },
];

const LOCAL_NOTE =
  'Each node keeps what it alone has seen, so others may list more (--server); alarms of the cluster are with the node that led.';

interface EventOptions {
  follow?: boolean;
  type?: string;
  namespace?: string;
  node?: number;
  limit: number;
}

/** One event as it comes, without waiting for a whole table. */
function lineOf(inv: Invocation, event: QuorateEvent): string {
  switch (inv.globals.output) {
    case 'json':
      return `${JSON.stringify(event)}\n`;
    case 'yaml':
      return `---\n${stringify(event)}`;
    case 'name':
      return `${event.seq}\n`;
    case 'table': {
      const time = inv.colors.dim(utcTime(event.at));
      return `${time}  ${inv.colors.cyan(plain(event.type).padEnd(22))}  ${plain(event.message)}\n`;
    }
  }
}

async function follow(inv: Invocation, recent: readonly QuorateEvent[], options: EventOptions): Promise<void> {
  for (const event of [...recent].reverse()) inv.write(lineOf(inv, event));
  const filter = { type: options.type, namespace: options.namespace, source: options.node };
  for await (const { event, data } of followEvents(inv, filter, recent[0]?.seq ?? 0)) {
    const parsed = event === 'event' ? eventSchema.safeParse(JSON.parse(data)) : undefined;
    if (parsed?.success) inv.write(lineOf(inv, parsed.data));
  }
}

export const registerEvent: Register = (program, run) => {
  program
    .command('event')
    .description('What happened in the cluster, newest first; with --follow, as it happens')
    .option('-f, --follow', 'stay and print each event as it comes (JSON: one object a line)')
    .addOption(new Option('--type <type>', 'only this type').choices(EVENT_TYPES))
    .option('--namespace <name>', 'only this namespace (cluster), or types that begin with this word, such as member')
    .option('--node <id>', 'only events from this node', integerBetween(1, 63))
    .option('--limit <count>', 'how many earlier events to show', integerBetween(1, MAX_LISTED), 50)
    .action(
      run(async (inv, options: EventOptions) => {
        const { type, namespace, node: source } = options;
        const data = await collectPages(options.limit, (query) =>
          inv.call(eventRoutes.list, { query: { ...query, type, namespace, source } }),
        );
        if (options.follow) return follow(inv, data.items, options);
        if (LOCAL_TOPICS.has(type === undefined ? (namespace ?? '') : topicOf(type))) inv.note(LOCAL_NOTE);
        const name = (e: QuorateEvent): number => e.seq;
        inv.print(listView({ data, rows: data.items, columns: COLUMNS, name, empty: 'No events.' }));
      }),
    );
};
