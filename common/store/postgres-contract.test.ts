import test, { type TestFn } from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { storeContract } from './contract.ts';
import { sharedPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import type { Store } from './store.ts';

const theServer = sharedPostgres(test);
const schemas = new Map<string, string>();

/** A schema for each folder: the contract's tests have one each. */
async function open(folder: string): Promise<Store> {
	const server = await theServer();
	const schema = schemas.get(folder) ?? `s${schemas.size}`;
	schemas.set(folder, schema);
	return openPostgresStore(server.options(schema));
}

storeContract(testNeeding('postgresql-15') as TestFn, 'postgres', open, { isShared: true });
