import { asc, eq, isNotNull } from 'drizzle-orm';
import type { StateDb } from '../../db/state-store';
import { clusterSecrets } from '../../resources/setup/table';
import { secretNameOf } from '../../resources/webhooks/routes';
import { webhooks } from '../../resources/webhooks/table';
import { backupSettings, backupTargets } from '../backups/table';
import { SECRET } from '../keyring';
import { caRotation, retiredSessionKeys } from './table';

/** A secret of the state that is encrypted under the cluster key. */
export interface SealedSecret {
  readonly store: string;
  /** Of its row. */
  readonly id: string;
  /** What it is bound to, see `encryptSecret`. */
  readonly name: string;
  readonly jwe: string;
}

interface Store {
  readonly list: (db: StateDb) => Omit<SealedSecret, 'store'>[];
  readonly replace: (tx: StateDb, id: string, jwe: string) => void;
}

/** By `table.column`. A test compares it with the schema: a new column `jwe` or `…_jwe` must be put here. */
export const SEALED_STORES: Readonly<Record<string, Store>> = {
  'cluster_secrets.jwe': {
    list: (db) =>
      db
        .select()
        .from(clusterSecrets)
        .orderBy(asc(clusterSecrets.name))
        .all()
        .map(({ name, jwe }) => ({ id: name, name, jwe })),
    replace: (tx, id, jwe) => void tx.update(clusterSecrets).set({ jwe }).where(eq(clusterSecrets.name, id)).run(),
  },
  'retired_session_keys.jwe': {
    list: (db) =>
      db
        .select()
        .from(retiredSessionKeys)
        .orderBy(asc(retiredSessionKeys.id))
        .all()
        .map(({ id, jwe }) => ({ id, name: SECRET.sessionKey, jwe })),
    replace: (tx, id, jwe) =>
      void tx.update(retiredSessionKeys).set({ jwe }).where(eq(retiredSessionKeys.id, id)).run(),
  },
  'ca_rotation.new_key_jwe': {
    list: (db) =>
      db
        .select()
        .from(caRotation)
        .where(isNotNull(caRotation.newKeyJwe))
        .all()
        .map(({ id, newKeyJwe }) => ({ id: String(id), name: SECRET.caKey, jwe: newKeyJwe ?? '' })),
    replace: (tx, id, jwe) =>
      void tx
        .update(caRotation)
        .set({ newKeyJwe: jwe })
        .where(eq(caRotation.id, Number(id)))
        .run(),
  },
  'webhooks.secret_jwe': {
    list: (db) =>
      db
        .select({ id: webhooks.id, jwe: webhooks.secretJwe })
        .from(webhooks)
        .orderBy(asc(webhooks.id))
        .all()
        .map(({ id, jwe }) => ({ id, name: secretNameOf(id), jwe })),
    replace: (tx, id, jwe) => void tx.update(webhooks).set({ secretJwe: jwe }).where(eq(webhooks.id, id)).run(),
  },
  'backup_settings.passphrase_jwe': {
    list: (db) =>
      db
        .select()
        .from(backupSettings)
        .where(isNotNull(backupSettings.passphraseJwe))
        .all()
        .map(({ id, passphraseJwe }) => ({ id: String(id), name: 'backup-passphrase', jwe: passphraseJwe ?? '' })),
    replace: (tx, id, jwe) =>
      void tx
        .update(backupSettings)
        .set({ passphraseJwe: jwe })
        .where(eq(backupSettings.id, Number(id)))
        .run(),
  },
  'backup_targets.secret_jwe': {
    list: (db) =>
      db
        .select({ id: backupTargets.id, jwe: backupTargets.secretJwe })
        .from(backupTargets)
        .orderBy(asc(backupTargets.id))
        .all()
        .map(({ id, jwe }) => ({ id, name: `backup-target:${id}`, jwe })),
    replace: (tx, id, jwe) =>
      void tx.update(backupTargets).set({ secretJwe: jwe }).where(eq(backupTargets.id, id)).run(),
  },
};

/** Every secret under the cluster key, in one order on all nodes. */
export const sealedSecrets = (db: StateDb): SealedSecret[] =>
  Object.entries(SEALED_STORES).flatMap(([store, { list }]) => list(db).map((secret) => ({ store, ...secret })));
