// The store's commits: grouped, as our engines make them, against one synced commit for each write.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { openStore } from '../common/store/open-store.ts';
import { defineCollection } from '../common/store/store.ts';
import type { BenchArea, Side } from './harness/bench-case.ts';

const writers = 32;
const document = {
	state: 'waiting',
	bmc: 'node1',
	path: '/redfish/v1/Systems/system',
	text: 'x'.repeat(1000),
};
const requests = defineCollection(
	'requests',
	z.strictObject({
		state: z.string(),
		bmc: z.string(),
		path: z.string(),
		text: z.string(),
	}),
);

/** One way to write a document durably, and to read it back. */
interface Writer {
	write(id: string): Promise<void>;
	read(id: string): Promise<unknown>;
	close(): Promise<void>;
}

export const area: BenchArea = {
	async open() {
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bench-'));
		const ours = await storeWriter('sqlite', path.join(folder, 'ours.sqlite'));
		const lowdb = await storeWriter('lowdb', path.join(folder, 'ours.json'));
		const plain = plainWriter(path.join(folder, 'plain.sqlite'));
		return {
			cases: [
				{
					name: `durable writes of 1 KB by ${writers} writers`,
					figures: [{ name: '', unit: 'writes/s', better: 'higher' }],
					ours: side('node:sqlite, grouped commits', ours),
					peers: [side('node:sqlite, a commit each', plain), side('lowdb engine', lowdb)],
				},
			],
			async close() {
				for (const writer of [ours, lowdb, plain]) await writer.close();
				await rm(folder, { recursive: true });
			},
		};
	},
};

async function storeWriter(engine: 'sqlite' | 'lowdb', file: string): Promise<Writer> {
	const store = await openStore({ engine, file });
	return {
		write: id => store.transact(tx => tx.put(requests, id, document)),
		read: id => store.read(tx => tx.get(requests, id)),
		close: () => store.close(),
	};
}

/** What one would write first: the same journal mode and syncing, and a transaction for each document. */
function plainWriter(file: string): Writer {
	const db = new DatabaseSync(file);
	db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
	db.exec('CREATE TABLE documents (id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID');
	const put = db.prepare('INSERT OR REPLACE INTO documents VALUES (?, ?)');
	const get = db.prepare('SELECT document FROM documents WHERE id = ?');
	return {
		write: async id => void put.run(id, JSON.stringify(document)),
		read: async id => JSON.parse(String(get.get(id)?.document)),
		close: async () => db.close(),
	};
}

function side(name: string, writer: Writer): Side {
	return {
		name,
		async check() {
			await writer.write('0');
			assert.deepEqual({ ...((await writer.read('0')) as object) }, document);
		},
		async round(seconds) {
			const began = performance.now();
			const end = began + seconds * 1000;
			let written = 0;
			const keepWriting = async (writerNumber: number) => {
				for (let turn = 0; performance.now() < end; turn++) {
					await writer.write(`${writerNumber}-${turn % 10}`);
					written++;
				}
			};
			await Promise.all(Array.from({ length: writers }, (_, number) => keepWriting(number)));
			return { '': written / ((performance.now() - began) / 1000) };
		},
	};
}
