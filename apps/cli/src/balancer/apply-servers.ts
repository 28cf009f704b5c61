import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendText, ConfigText, ServerChange, ServerLine } from './config-text';
import { askHaproxy, type RunningServer, type RuntimeAddress, runningServers } from './runtime-api';

/** More at once is quicker by a reload. */
const MAX_CHANGES = 500;
const DELETE_ATTEMPTS = 5;
const DELETE_PAUSE_MS = 100;
/** A replica that is taken out finishes its requests; a node gives its streams up, so that clients go to another one. */
const SERVICE_BACKEND = /^service_/;

/** IPv6 has many spellings of one address. */
const canonical = (host: string): string =>
  isIP(host) === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host;

function splitAddress(address: string): { host: string; port: string } {
  const colon = address.lastIndexOf(':');
  return { host: canonical(address.slice(0, colon).replace(/^\[|\]$/g, '')), port: address.slice(colon + 1) };
}

/** Sends a command that answers nothing when it is carried out. @throws Error with what HAProxy says */
async function command(runtime: RuntimeAddress, text: string, success = /^$/): Promise<void> {
  const answer = await askHaproxy(runtime, text);
  if (!success.test(answer)) throw new Error(`${text}: ${answer.slice(0, 300)}`);
}

/** A word that means to the runtime API what it says. @throws Error */
function plainWord(word: string): string {
  if (/^[\w./:@%+,=*[\]()-]+$/.test(word)) return word;
  throw new Error(`the runtime API would misread ${word}`);
}

async function addServer(runtime: RuntimeAddress, backend: BackendText, server: ServerLine): Promise<void> {
  const id = `${backend.name}/${server.name}`;
  if (isIP(splitAddress(server.address).host) === 0) throw new Error(`${id} has a name for an address`);
  const options = [...backend.defaults, ...server.options].map(plainWord);
  await command(runtime, `add server ${id} ${server.address} ${options.join(' ')}`, /^New server registered/);
  if (options.includes('check')) await command(runtime, `enable health ${id}`);
  if (!server.disabled) await command(runtime, `set server ${id} state ready`);
}

/** Requests under way end where they are; idle connections to the old address are not used again. */
async function moveServer(runtime: RuntimeAddress, id: string, address: string): Promise<void> {
  const { host, port } = splitAddress(address);
  if (isIP(host) === 0) throw new Error(`${id} has a name for an address`);
  await command(runtime, `set server ${id} addr ${host} port ${port}`, /changed from|no need to change/);
}

/** Whether it is gone altogether: one that still has connections, or that an old HAProxy cannot forget, only stays idle. */
async function removeServer(runtime: RuntimeAddress, id: string): Promise<boolean> {
  await command(runtime, `set server ${id} state maint`);
  await command(runtime, `shutdown sessions server ${id}`);
  for (let attempt = 0; attempt < DELETE_ATTEMPTS; attempt++) {
    if (attempt > 0) await sleep(DELETE_PAUSE_MS);
    if (/^Server deleted/.test(await askHaproxy(runtime, `del server ${id}`))) return true;
  }
  return false;
}

async function applyChange(
  runtime: RuntimeAddress,
  { kind, backend, server }: ServerChange,
  running: RunningServer | undefined,
): Promise<void> {
  const id = `${backend.name}/${server.name}`;
  switch (kind) {
    case 'add':
      // One that an earlier change could not delete.
      if (running && !(await removeServer(runtime, id))) throw new Error(`${id} is still there from before`);
      return addServer(runtime, backend, server);
    case 'move':
      return moveServer(runtime, id, server.address);
    case 'enable':
      return command(runtime, `set server ${id} state ready`);
    case 'disable':
      return command(runtime, `set server ${id} state ${SERVICE_BACKEND.test(backend.name) ? 'drain' : 'maint'}`);
    case 'remove':
      // What is not there is not there any more.
      if (running) await removeServer(runtime, id);
  }
}

/**
 * Tells a running HAProxy which servers changed, without a reload.
 * @throws Error when it cannot be told, or refuses; some changes may have been made then
 */
export async function applyServers(runtime: RuntimeAddress, changes: readonly ServerChange[]): Promise<void> {
  if (changes.length > MAX_CHANGES) throw new Error(`${changes.length} servers change at once`);
  const running = await runningServers(runtime);
  for (const change of changes) {
    await applyChange(runtime, change, running.get(change.backend.name)?.get(change.server.name));
  }
}

/**
 * The first difference between what HAProxy runs and what the configuration says about servers; null = none. Servers that
 * are not in the configuration must be in maintenance.
 * @throws Error when HAProxy cannot be asked
 */
export async function differenceToRunning(runtime: RuntimeAddress, config: ConfigText): Promise<string | null> {
  const running = await runningServers(runtime);
  for (const backend of config.backends.values()) {
    const servers = running.get(backend.name) ?? new Map<string, RunningServer>();
    for (const server of backend.servers.values()) {
      const id = `${backend.name}/${server.name}`;
      const found = servers.get(server.name);
      if (!found) return `${id} is missing`;
      const { host, port } = splitAddress(server.address);
      if (found.port !== port || (isIP(host) !== 0 && canonical(found.address) !== host)) {
        return `${id} is at ${found.address}:${found.port}, not at ${server.address}`;
      }
      if (found.disabled !== server.disabled) return `${id} is ${found.disabled ? 'out of use' : 'in use'}`;
    }
    for (const [name, found] of servers) {
      if (!backend.servers.has(name) && !found.maintenance) return `${backend.name}/${name} is still in use`;
    }
  }
  return null;
}
