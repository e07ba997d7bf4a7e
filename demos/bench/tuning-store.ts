// The tuning table of this browser, kept in IndexedDB.

import { parseTuningTable, type TuningTable } from '../../src/index.ts';

const [DATABASE, STORE, KEY] = ['five-tigers', 'tuning', 'table'];

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });

async function inStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    return await settled(work(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** The table, or null where there is none, or no storage. */
export async function loadTuning(): Promise<TuningTable | null> {
  try {
    return parseTuningTable((await inStore('readonly', (store) => store.get(KEY))) as string);
  } catch {
    return null;
  }
}

/** Keeps `table`; null forgets what was kept. */
export async function saveTuning(table: TuningTable | null): Promise<void> {
  if (table) await inStore('readwrite', (store) => store.put(JSON.stringify(table), KEY));
  else await inStore('readwrite', (store) => store.delete(KEY));
}
