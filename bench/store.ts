// What is put on disk: commits of both stores, and audit records. The peers do the least that gives the same promise
// (or, where named so, a smaller one), so that a ratio says what our guarantees cost.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JSONFilePreset } from 'lowdb/node';
import { z } from 'zod';
import { systemClock } from '../common/clock.ts';
import { openStore } from '../common/store/open-store.ts';
import { defineCollection } from '../common/store/store.ts';
import type { AuditLog } from '../proxy/audit/audit-log.ts';
import type { AuditRecord } from '../proxy/audit/audit-record.ts';
import { listLogFiles, readLines } from '../proxy/audit/log-files.ts';
import { openSignedLog } from '../proxy/audit/signed-log.ts';
import { verifyAudit } from '../proxy/audit/verify-audit.ts';
import type { BenchArea, BenchCase, Figure, Side } from './harness/bench-case.ts';

const document = { state: 'waiting', text: 'x'.repeat(700), n: 0 };
const requests = defineCollection(
	'requests',
	z.strictObject({ state: z.string(), text: z.string(), n: z.int() }),
	{ state: request => request.state },
);
/** Documents that are there already: the lowdb engine writes all of them at each commit. */
const stored = 100;

const decision: AuditRecord = {
	kind: 'decision',
	requestId: null,
	operator: 'cp-operator',
	party: 'CP',
	bmc: 'node1',
	method: 'POST',
	path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
	operations: ['Set power state'],
	verdict: 'execute',
	clause: 'CP and hso',
	policyVersion: 'a'.repeat(64),
	digest: null,
	policies: [
		{
			party: 'HSO',
			operation: 'Set power state',
			expression: 'COUNT(External.Servers.State=="Up")>=6',
			holds: true,
			reason: 'COUNT(External.Servers.State=="Up") is 8',
		},
	],
	status: null,
};

/** Something that writes until it is closed. */
interface Writer {
	/** Resolves once the write is as safe as this side makes it. */
	write(id: string): Promise<void>;
	/** Throws unless the write of that id, the only one so far, can be read again. */
	check(id: string): Promise<void>;
	close(): Promise<void>;
}

async function storeWriter(engine: 'lowdb' | 'sqlite', folder: string): Promise<Writer> {
	const store = await openStore({ engine, file: join(folder, `ours.${engine}`) });
	await store.transact(async tx => {
		for (let n = 0; n < stored; n++) await tx.put(requests, `stored-${n}`, { ...document, state: 'ended' });
	});
	return {
		write: id => store.transact(tx => tx.put(requests, id, document)),
		async check(id) {
			const where = { index: 'state', equals: 'waiting' };
			const found = await store.read(tx => tx.list(requests, { where }));
			assert.deepEqual(found, [{ id, document }]);
		},
		close: () => store.close(),
	};
}

async function sqliteWriter(folder: string): Promise<Writer> {
	const db = new DatabaseSync(join(folder, 'peer.db'));
	db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
	db.exec('CREATE TABLE requests (id TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID');
	const put = db.prepare('INSERT OR REPLACE INTO requests VALUES (?, ?)');
	return {
		async write(id) {
			put.run(id, JSON.stringify(document));
		},
		async check() {
			assert.equal(db.prepare('SELECT count(*) AS n FROM requests').get()?.n, 1);
		},
		async close() {
			db.close();
		},
	};
}

async function lowdbWriter(folder: string): Promise<Writer> {
	const low = await JSONFilePreset<Record<string, typeof document>>(join(folder, 'peer.json'), {});
	for (let n = 0; n < stored; n++) low.data[`stored-${n}`] = document;
	return {
		write: id => low.update(data => (data[id] = document)),
		async check(id) {
			await low.read();
			assert.deepEqual(low.data[id], document);
		},
		async close() {},
	};
}

/** The least that puts a line on the disk: append, fdatasync, one after another. */
async function lineWriter(folder: string, name: string, value: unknown): Promise<Writer> {
	const file = await open(join(folder, name), 'a+', 0o600);
	let last: Promise<unknown> = Promise.resolve();
	const append = async () => {
		await file.appendFile(`${JSON.stringify(value)}\n`);
		await file.datasync();
	};
	return {
		async write() {
			last = last.then(append);
			await last;
		},
		async check() {
			assert.equal((await file.stat()).size, Buffer.byteLength(JSON.stringify(value)) + 1);
		},
		close: () => file.close(),
	};
}

/** As the proxy opens it: with a tree over the records and a signed checkpoint for each thousand. */
const openAudit = (folder: string) =>
	openSignedLog({
		folder: join(folder, 'audit'),
		keyFile: join(folder, 'audit.key'),
		origin: 'bimetal/bench',
		clock: systemClock,
		onFault: fault => {
			throw fault;
		},
	});

async function auditWriter(folder: string): Promise<Writer> {
	const { log } = await openAudit(folder);
	return {
		write: () => log.append(decision).durable,
		async check() {
			const head = log.head();
			await log.close();
			const verdict = await verifyAudit({ folder: join(folder, 'audit') });
			assert(verdict.ok);
			assert.deepEqual([verdict.records, verdict.head, verdict.signed?.size], [1, head, 1]);
		},
		close: () => log.close(),
	};
}

/** `writers` callers at once, each asking again as soon as it is answered, on a new writer for each round. */
function writing(name: string, writers: number, start: (folder: string) => Promise<Writer>): Side {
	const on = async <R>(body: (writer: Writer) => Promise<R>): Promise<R> => {
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-bench-'));
		try {
			const writer = await start(folder);
			return await body(writer).finally(() => writer.close());
		} finally {
			await rm(folder, { recursive: true });
		}
	};
	return {
		name,
		check: () =>
			on(async writer => {
				await writer.write('the only one');
				await writer.check('the only one');
			}),
		round: seconds =>
			on(async writer => {
				const begin = performance.now();
				let written = 0;
				const writeOn = async (id: string) => {
					while (performance.now() - begin < seconds * 1000) {
						await writer.write(id);
						written++;
						// Writers that never wait would keep the others, and the clock, from their turn.
						if (written % 64 === 0) await new Promise(resolve => setImmediate(resolve));
					}
				};
				await Promise.all(Array.from({ length: writers }, (_, n) => writeOn(`writer-${n}`)));
				return { '': written / ((performance.now() - begin) / 1000) };
			}),
	};
}

/** What the caller of `append` pays before it can go on; the peer is what no hash-chained log can do without. */
function enqueueing(): BenchCase {
	const batch = 1000;
	return {
		name: 'audit record, the caller’s share',
		figures: [{ name: '', unit: 'µs', better: 'lower' }],
		ours: {
			...writing('AuditLog.append', 1, auditWriter),
			round: seconds => withAudit(log => microseconds(seconds, batch, () => log.append(decision).durable)),
		},
		peers: [
			{
				name: 'JSON.stringify and SHA-256',
				check: async () => {},
				round: seconds =>
					microseconds(seconds, batch, async () => hash('sha256', JSON.stringify(decision), 'hex')),
			},
		],
	};
}

async function withAudit<R>(body: (log: AuditLog) => Promise<R>): Promise<R> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-bench-'));
	const { log } = await openAudit(folder);
	try {
		return await body(log);
	} finally {
		await log.close();
		await rm(folder, { recursive: true });
	}
}

/** Chain, tree and signatures of a log; the peer reads and hashes its lines, which is the least that tells a change. */
function verifying(): { case: BenchCase; close(): Promise<void> } {
	const count = 20_000;
	let folder: string | undefined;
	const written = async (): Promise<string> => {
		if (folder) return folder;
		folder = await mkdtemp(join(tmpdir(), 'bimetal-bench-'));
		const { log } = await openAudit(folder);
		for (let n = 0; n < count; n += 1000) {
			await Promise.all(Array.from({ length: 1000 }, () => log.append(decision).durable));
		}
		await log.close();
		return folder;
	};
	const repeated = async (seconds: number, once: () => Promise<void>) => {
		const begin = performance.now();
		let records = 0;
		for (; performance.now() - begin < seconds * 1000; records += count) await once();
		return { '': records / ((performance.now() - begin) / 1000) };
	};
	const verify = async () => {
		const verdict = await verifyAudit({ folder: join(await written(), 'audit') });
		assert(verdict.ok && verdict.records === count && verdict.signed?.size === count);
	};
	const hashLines = async () => {
		let lines = 0;
		for (const { path } of await listLogFiles(join(await written(), 'audit'))) {
			for await (const line of readLines(path)) {
				hash('sha256', JSON.stringify(JSON.parse(line.toString('utf8'))), 'hex');
				lines++;
			}
		}
		assert.equal(lines, count);
	};
	return {
		case: {
			name: 'audit verification',
			figures: records,
			ours: { name: 'audit verify', check: verify, round: seconds => repeated(seconds, verify) },
			peers: [
				{ name: 'parse, print, SHA-256', check: hashLines, round: seconds => repeated(seconds, hashLines) },
			],
		},
		async close() {
			if (folder) await rm(folder, { recursive: true });
		},
	};
}

/** The time of a call alone; what it returns is waited for outside, batch by batch. */
async function microseconds(seconds: number, batch: number, call: () => Promise<unknown>) {
	const end = performance.now() + seconds * 1000;
	let calls = 0;
	let spent = 0;
	while (performance.now() < end) {
		const begin = performance.now();
		let last: Promise<unknown> | undefined;
		for (let n = 0; n < batch; n++) last = call();
		spent += performance.now() - begin;
		calls += batch;
		await last;
	}
	return { '': (spent * 1000) / calls };
}

const commits: readonly Figure[] = [{ name: '', unit: 'commits/s', better: 'higher' }];
const records: readonly Figure[] = [{ name: '', unit: 'records/s', better: 'higher' }];

function cases(): BenchCase[] {
	return [
		...[1, 64].flatMap((writers): BenchCase[] => {
			const callers = writers === 1 ? '1 writer' : `${writers} writers`;
			const raw = writing('append and fdatasync', writers, folder =>
				lineWriter(folder, 'peer.jsonl', document),
			);
			return [
				{
					name: `SQLite store, ${callers}`,
					figures: commits,
					ours: writing('SQLite store', writers, folder => storeWriter('sqlite', folder)),
					peers: [writing('node:sqlite, WAL, FULL', writers, sqliteWriter), raw],
				},
				{
					name: `lowdb store, ${callers}`,
					figures: commits,
					ours: writing('lowdb store', writers, folder => storeWriter('lowdb', folder)),
					peers: [writing('lowdb as shipped, never synced', writers, lowdbWriter), raw],
				},
				{
					name: `audit records, ${callers}`,
					figures: records,
					ours: writing('audit log', writers, auditWriter),
					peers: [
						writing('append and fdatasync', writers, folder => lineWriter(folder, 'peer.jsonl', decision)),
					],
				},
			];
		}),
		enqueueing(),
	];
}

/** Commits of both stores and records of the audit log, with 1 and with 64 concurrent writers; verifying a log. */
export const area: BenchArea = {
	async open() {
		const verification = verifying();
		return { cases: [...cases(), verification.case], close: verification.close };
	},
};
