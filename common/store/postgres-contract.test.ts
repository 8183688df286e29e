import test, { type TestFn } from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { storeContract } from './contract.ts';
import { startPostgres, type TestPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import type { Store } from './store.ts';

let server: TestPostgres | undefined;
const schemas = new Map<string, string>();

/** A schema for each folder: the contract's tests have one each. */
async function open(folder: string): Promise<Store> {
	server ??= await startPostgres();
	const schema = schemas.get(folder) ?? `s${schemas.size}`;
	schemas.set(folder, schema);
	return openPostgresStore(server.options(schema));
}

test.after.always(() => server?.close());

storeContract(testNeeding('postgresql-15') as TestFn, 'postgres', open, { isShared: true });
