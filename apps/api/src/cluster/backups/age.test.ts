import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ageKeyOf, checkKey, checkRecipients, decryptFile, encryptFile, isAgeFile } from './age';

describe('age files', () => {
  let directory: string;
  const plain = randomBytes(3_000_000);
  const at = (name: string): string => join(directory, name);
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'quorate-age-'));
    writeFileSync(at('plain'), plain);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

  it('come back with the passphrase, and with no other', async () => {
    await encryptFile(at('plain'), at('phrase'), { passphrase: 'correct horse' });
    const head = readFileSync(at('phrase')).subarray(0, 4096);
    expect(isAgeFile(head)).toBe(true);
    expect(readFileSync(at('phrase')).includes(plain.subarray(0, 32))).toBe(false);
    await expect(checkKey(head, ageKeyOf('wrong horse'))).rejects.toMatchObject({ code: 'backup_wrong_key' });
    await decryptFile(at('phrase'), at('back'), ageKeyOf('correct horse'));
    expect(hash(at('back'))).toBe(hash(at('plain')));
  });

  it('come back with the identity of any recipient', async () => {
    const [one, two, other] = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
    const recipients = await Promise.all([identityToRecipient(one), identityToRecipient(two)]);
    checkRecipients(recipients);
    await encryptFile(at('plain'), at('keys'), { recipients });
    await decryptFile(at('keys'), at('back2'), ageKeyOf(` ${two}\n`));
    expect(hash(at('back2'))).toBe(hash(at('plain')));
    for (const key of [other, 'a passphrase', 'AGE-SECRET-KEY-1NONSENSE'])
      await expect(decryptFile(at('keys'), at('no'), ageKeyOf(key))).rejects.toMatchObject({
        code: 'backup_wrong_key',
      });
    expect(() => checkRecipients([recipients[0] ?? '', 'age1nonsense'])).toThrow(/not an age public key/);
  });

  it('are refused when they were cut short or changed', async () => {
    const identity = await generateIdentity();
    const lock = { recipients: [await identityToRecipient(identity)] };
    const key = ageKeyOf(identity);
    await encryptFile(at('plain'), at('cut'), lock);
    truncateSync(at('cut'), 1_000_000);
    await expect(decryptFile(at('cut'), at('no'), key)).rejects.toMatchObject({ code: 'backup_damaged' });
    await encryptFile(at('plain'), at('changed'), lock);
    const bytes = readFileSync(at('changed'));
    bytes[2_000_000] = (bytes[2_000_000] ?? 0) ^ 1;
    writeFileSync(at('changed'), bytes);
    await expect(decryptFile(at('changed'), at('no'), key)).rejects.toMatchObject({ code: 'backup_damaged' });
  });
});
