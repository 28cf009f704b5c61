import { errorOf } from '@quorate/shared/client';
import { MAX_REPLICAS, type ReplicaLogEvents, replicaLogEvents, serviceRoutes } from '@quorate/shared/services';
import type { Command } from 'commander';
import { CliError } from '../cli-error';
import { integerBetween } from '../globals';
import type { Invocation } from '../invocation';
import { plain } from '../output';
import type { Run } from '../register';
import { followStream } from '../stream';

/** Streams that are open at once. */
const MAX_FOLLOWED = 20;

const pathOf = (name: string, slot: number, query = ''): string =>
  `${serviceRoutes.replicaLogs.path.replace('{name}', encodeURIComponent(name)).replace('{slot}', String(slot))}${query}`;

/** Takes text as it comes and gives whole lines, with `prefix` before each; without a prefix, everything at once. */
function createWriter(inv: Invocation, prefix: string) {
  let rest = '';
  return {
    write(text: string): void {
      if (prefix === '') inv.write(text);
      const lines = prefix === '' ? [] : (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) inv.write(`${prefix}${line}\n`);
    },
    flush(): void {
      if (rest !== '') inv.write(`${prefix}${rest}\n`);
      rest = '';
    },
  };
}

const isEvent = (name: string): name is keyof ReplicaLogEvents => Object.hasOwn(replicaLogEvents, name);

function tell(inv: Invocation, slot: number, { generation, runner, state, reason }: ReplicaLogEvents['replica']): void {
  const where = runner === null ? 'on no runner' : `on ${plain(runner)}`;
  const why = reason === '' ? '' : `: ${plain(reason)}`;
  inv.note(`replica ${slot} is ${state.replaceAll('_', ' ')} ${where} (generation ${generation})${why}`);
}

/** What a slot writes, over all further generations, until there is no such slot any more or Ctrl-C. */
async function follow(inv: Invocation, name: string, slot: number, prefix: string): Promise<void> {
  const writer = createWriter(inv, prefix);
  for await (const { event, data } of followStream(inv, pathOf(name, slot, '?follow=true'))) {
    if (!isEvent(event)) continue;
    const parsed: unknown = JSON.parse(data);
    if (event === 'output') writer.write(replicaLogEvents.output.parse(parsed).text);
    else writer.flush();
    if (event === 'replica') tell(inv, slot, replicaLogEvents.replica.parse(parsed));
    if (event === 'gap') inv.note(`[${replicaLogEvents.gap.parse(parsed).bytes} bytes of replica ${slot} left out]`);
    if (event === 'end') return inv.note(plain(replicaLogEvents.end.parse(parsed).reason));
  }
  writer.flush();
}

async function printKept(inv: Invocation, name: string, slot: number, prefix: string): Promise<void> {
  const response = await inv.open(pathOf(name, slot), { accept: '*/*' });
  if (!response.ok || !response.body) throw await errorOf(response);
  const writer = createWriter(inv, prefix);
  const decoder = new TextDecoder();
  for await (const chunk of response.body) writer.write(decoder.decode(chunk, { stream: true }));
  writer.flush();
}

/** The slots that are meant. @throws CliError when they are too many to follow, or there is none */
async function slotsOf(inv: Invocation, name: string, replica: number | undefined, isFollowed: boolean) {
  if (replica !== undefined) return [replica];
  const { instances } = await inv.call(serviceRoutes.get, { params: { name } });
  if (instances.length === 0) throw new CliError('notFound', `${name} has no replica`);
  if (isFollowed && instances.length > MAX_FOLLOWED) {
    throw new CliError('usage', `${name} has ${instances.length} replicas: name one with --replica`);
  }
  return instances.map(({ slot }) => slot);
}

export function addLogs(service: Command, run: Run): void {
  service
    .command('logs')
    .description('What replicas wrote, as far as their runners keep it; with --follow, as it comes')
    .argument('<name>')
    .option('--replica <number>', 'only this one', integerBetween(0, MAX_REPLICAS - 1))
    .option('-f, --follow', 'go on until Ctrl-C, over restarts and moves')
    .action(
      run(async (inv, name: string, { replica, follow: isFollowed }: { replica?: number; follow?: boolean }) => {
        const slots = await slotsOf(inv, name, replica, isFollowed === true);
        const prefixOf = (slot: number): string => (slots.length === 1 ? '' : `${name}/${slot} | `);
        if (isFollowed) {
          await Promise.all(slots.map((slot) => follow(inv, name, slot, prefixOf(slot))));
          return;
        }
        for (const slot of slots) {
          // One that is nowhere, or cannot be reached, must not hide what the others wrote.
          await printKept(inv, name, slot, prefixOf(slot)).catch((error: unknown) => {
            if (slots.length === 1) throw error;
            inv.warn(error instanceof Error ? error.message : String(error));
          });
        }
      }),
    );
}
