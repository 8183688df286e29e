import { join } from 'node:path';
import test from 'ava';
import { storeContract } from './contract.ts';
import { openStore } from './open-store.ts';

for (const engine of ['lowdb', 'sqlite'] as const) {
	storeContract(test, engine, folder =>
		openStore({ engine, file: join(folder, 'inner', `store.${engine}`) }),
	);
}
