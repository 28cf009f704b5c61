import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { concurrently, secondsOf } from './figure';

// The least that it takes to run programs: a small process starts one as often, and nobody asked it to.

const [count, concurrency] = [Number(process.argv[2]), Number(process.argv[3])];
const one = async (): Promise<void> => {
  const child = spawn('/bin/true', [], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  await once(child, 'close');
};
const seconds = await secondsOf(() => concurrently(count, concurrency, one));
process.stdout.write(`${count / seconds}\n`);
