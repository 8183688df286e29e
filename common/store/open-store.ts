import { openLowdbStore } from './lowdb-store.ts';
import type { PostgresOptions } from './postgres-options.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

export type StoreOptions =
	| { readonly engine: 'lowdb' | 'sqlite'; readonly file: string }
	| ({ readonly engine: 'postgres' } & PostgresOptions);

/**
 * `lowdb` for small sites and for the proxy on a BMC; `sqlite` for whatever grows: one process has those at a time.
 * `postgres` for what outgrows one machine.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
	switch (options.engine) {
		case 'lowdb':
			return openLowdbStore(options);
		case 'sqlite':
			return openSqliteStore(options);
		case 'postgres': {
			// Whoever does without it does not load its client.
			const { openPostgresStore } = await import('./postgres-store.ts');
			return openPostgresStore(options);
		}
	}
}
