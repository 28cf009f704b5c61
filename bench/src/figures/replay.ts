import { encodeEntry } from '@quorate/api/src/commands/entry';
import { uuidv7 } from '@quorate/api/src/lib/ids';
import { createApiToken, deleteApiToken } from '@quorate/api/src/resources/api-tokens/commands';
import { recordSignIn } from '@quorate/api/src/resources/session/commands';
import { createUser, updateUser } from '@quorate/api/src/resources/users/commands';
import { type Figure, secondsOf } from '../figure';
import { openReplica, serializedCommand, signIn, tokenInput, withDirectory } from '../workload';

const COMMANDS = 100_000;
/** What group commit makes of 256 concurrent writers. */
const BATCH = 250;

/** The life of a cluster in small: users that change, sign-ins, tokens that come and go. */
function* life(): Generator<string> {
  const user = uuidv7();
  const passwordHash = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2g';
  yield serializedCommand(createUser, { id: user, username: 'ada', role: 'admin', passwordHash });
  const other = uuidv7();
  yield serializedCommand(createUser, { id: other, username: 'bob', role: 'admin', passwordHash });
  for (let n = 0; ; n += 1) {
    const token = tokenInput();
    yield serializedCommand(recordSignIn, signIn);
    yield serializedCommand(createApiToken, token);
    yield serializedCommand(updateUser, { id: other, role: n % 2 === 0 ? 'viewer' : 'operator' });
    yield serializedCommand(deleteApiToken, { id: token.id });
  }
}

function buildEntries(): Uint8Array[] {
  const commands = life();
  const next = (): string => commands.next().value as string;
  return Array.from({ length: COMMANDS / BATCH }, () => encodeEntry(Array.from({ length: BATCH }, next)));
}

export const replay: Figure = {
  name: 'replay',
  unit: 'commands/s',
  bound: { at: 'least', value: 30_000 },
  why: `${COMMANDS.toLocaleString('en')} logged commands (sign-ins, users, tokens; ${BATCH} an entry) applied to an empty state`,
  measure: () =>
    withDirectory(async (directory) => {
      const entries = buildEntries();
      const replica = openReplica(directory, 'NORMAL');
      const seconds = await secondsOf(async () => {
        for (const [n, bytes] of entries.entries()) {
          replica.applier.apply({ epoch: 1, index: n + 1, cursor: '', bytes });
        }
      });
      replica.close();
      return COMMANDS / seconds;
    }),
};
