import { openLowdbStore } from './lowdb-store.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

/** `lowdb` for small sites and for the proxy on a BMC; `sqlite` for whatever grows. One process has it at a time. */
export function openStore(options: { engine: 'lowdb' | 'sqlite'; file: string }): Promise<Store> {
	switch (options.engine) {
		case 'lowdb':
			return openLowdbStore(options);
		case 'sqlite':
			return openSqliteStore(options);
	}
}
