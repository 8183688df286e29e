import { appendFile, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import type { AuditRecord } from './audit-record.ts';
import { anyRecord, decision, inFolder, linesByFile } from './audit-samples.fixture.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { leafOf } from './hash-tree.ts';
import { verifyConsistency, verifyInclusion } from './merkle-verify.ts';
import { openSignedLog, type SignedLogDeps } from './signed-log.ts';
import { parseVerifier } from './signed-note.ts';
import { verifyAudit } from './verify-audit.ts';

function depsOf(folder: string, changes: Partial<SignedLogDeps> = {}): SignedLogDeps {
	return {
		folder: join(folder, 'audit'),
		keyFile: join(folder, 'audit.key'),
		origin: 'bimetal/test',
		clock: new FakeClock(),
		onFault: fault => {
			throw fault;
		},
		largestFile: 3000,
		checkpointRecords: 5,
		...changes,
	};
}

async function write(folder: string, records: readonly AuditRecord[], changes: Partial<SignedLogDeps> = {}) {
	const { log, published } = await openSignedLog(depsOf(folder, changes));
	for (const record of records) await log.append(record).durable;
	await log.close();
	return published.verifier;
}

const decisions = (count: number) => Array.from({ length: count }, (_, n) => decision(n));

test('every record can be proven, every checkpoint is consistent with every later one, over several openings', async t => {
	await fc.assert(
		fc.asyncProperty(fc.array(fc.array(anyRecord, { maxLength: 14 }), { maxLength: 4 }), async batches => {
			await inFolder(async folder => {
				for (const batch of batches) await write(folder, batch);
				const { log, published } = await openSignedLog(depsOf(folder));
				const key = parseVerifier(published.verifier);
				if (!key) throw new Error('no key');
				const notes = [...(await published.checkpoints(0, 1000))];
				const checkpoints = notes.map(note => readCheckpoint(note, key) as Checkpoint);
				const size = batches.flat().length;
				t.is(checkpoints.at(-1)?.size ?? 0, size);
				t.is(readCheckpoint(published.checkpoint(), key)?.size, size);

				const lines = await published.records(0, 1000);
				t.is(lines.length, size);
				for (const [index, line] of lines.entries()) {
					const { hash } = JSON.parse(line) as { hash: string };
					for (const { size: within, root } of checkpoints.filter(checkpoint => checkpoint.size > index)) {
						const path = (await published.inclusion(index + 1, within)) ?? [];
						t.true(verifyInclusion({ leaf: leafOf(hash), index, size: within, path, root }));
					}
				}
				for (const [at, { size: older, root: olderRoot }] of checkpoints.entries()) {
					for (const { size: newer, root: newerRoot } of checkpoints.slice(at)) {
						const proof = (await published.consistency(older, newer)) ?? [];
						t.true(verifyConsistency({ older, newer, olderRoot, newerRoot, proof }));
					}
				}
				t.is(await published.inclusion(size + 1, size + 1), undefined);
				t.is(await published.inclusion(0, size), undefined);
				t.is(await published.consistency(0, size + 1), undefined);
				await log.close();
				t.like(await verifyAudit({ folder: join(folder, 'audit'), key }), { ok: true, records: size });
			});
		}),
		{ numRuns: 12 },
	);
});

test('a checkpoint is signed after so many records, after so much time, and at the end', async t => {
	await inFolder(async folder => {
		const clock = new FakeClock();
		const { log, published } = await openSignedLog(depsOf(folder, { clock }));
		t.is(published.size(), 0);
		t.regex(published.checkpoint(), /^bimetal\/test\n0\n/);
		await log.append(decision(1)).durable;
		t.deepEqual(await published.records(0, 10), [], 'nothing is shown that is not signed');
		clock.advance(10_000);
		while (published.size() === 0) await new Promise(resolve => setImmediate(resolve));
		t.is(published.size(), 1);
		for (let n = 2; n <= 6; n++) await log.append(decision(n)).durable;
		while (published.size() === 1) await new Promise(resolve => setImmediate(resolve));
		t.is(published.size(), 6);
		t.is((await published.records(2, 3)).length, 3);
		await log.append(decision(7)).durable;
		await log.close();
		t.is(published.size(), 7);
		t.like(await verifyAudit({ folder: join(folder, 'audit') }), {
			ok: true,
			signed: { verifier: published.verifier, checkpoints: 4, size: 7 },
		});
		for (const name of await readdir(join(folder, 'audit'))) {
			t.is((await stat(join(folder, 'audit', name))).mode & 0o777, name === 'log.pub' ? 0o644 : 0o600, name);
		}
	});
});

test('a page deep in the log begins at the right record, whatever the lengths of the lines', async t => {
	const someLengths = fc.array(fc.integer({ min: 0, max: 9000 }), { minLength: 1, maxLength: 30 });
	await fc.assert(
		fc.asyncProperty(someLengths, fc.integer({ min: 500, max: 60_000 }), async (lengths, largestFile) => {
			await inFolder(async folder => {
				const { log, published } = await openSignedLog(depsOf(folder, { largestFile, checkpointRecords: 1 }));
				await Promise.all(
					lengths.map(length => log.append({ kind: 'stop', reason: 'x'.repeat(length) }).durable),
				);
				while (published.size() < lengths.length) await new Promise(resolve => setImmediate(resolve));
				for (let after = 0; after <= lengths.length; after++) {
					const seqs = (await published.records(after, 2)).map(line => JSON.parse(line).seq);
					t.deepEqual(
						seqs,
						[after + 1, after + 2].filter(seq => seq <= lengths.length),
					);
				}
				await log.close();
			});
		}),
		{ numRuns: 10 },
	);
});

test('nodes that are missing, short or wrong are made anew from the records', async t => {
	await inFolder(async folder => {
		await write(folder, decisions(23));
		const nodes = join(folder, 'audit', 'tree.nodes');
		const whole = await readFile(nodes);
		for (const spoil of [
			() => rm(nodes),
			() => truncate(nodes, 100),
			() => writeFile(nodes, Buffer.alloc(whole.length, 1)),
			() => appendFile(nodes, 'more'),
		]) {
			await spoil();
			await write(folder, []);
			t.deepEqual(await readFile(nodes), whole);
		}
		t.like(await verifyAudit({ folder: join(folder, 'audit') }), { ok: true, records: 23 });
	});
});

test('a log that was begun without a key is signed from its beginning', async t => {
	await inFolder(async folder => {
		await write(folder, decisions(8));
		for (const name of ['checkpoints.txt', 'tree.nodes', 'log.pub']) await rm(join(folder, 'audit', name));
		await write(folder, decisions(1));
		t.like(await verifyAudit({ folder: join(folder, 'audit') }), {
			ok: true,
			records: 9,
			signed: { size: 9 },
		});
	});
});

test('a key that is missing or another than the one that signed is refused, and nothing is changed', async t => {
	await inFolder(async folder => {
		await write(folder, decisions(3));
		const audit = join(folder, 'audit');
		const before = await Promise.all(['checkpoints.txt', 'log.pub'].map(name => readFile(join(audit, name))));
		const keyFile = join(folder, 'audit.key');
		const key = await readFile(keyFile);
		await rm(keyFile);
		await t.throwsAsync(openSignedLog(depsOf(folder)), {
			code: 'AuditKeyUnusable',
			message: /missing; restore/,
		});
		await t.throwsAsync(stat(keyFile), { code: 'ENOENT' });

		await mkdir(join(folder, 'other'));
		await write(join(folder, 'other'), []);
		await writeFile(keyFile, await readFile(join(folder, 'other', 'audit.key')), { mode: 0o600 });
		await t.throwsAsync(openSignedLog(depsOf(folder)), {
			code: 'AuditKeyUnusable',
			message: /line 8 .*not signed/,
		});

		const after = await Promise.all(['checkpoints.txt', 'log.pub'].map(name => readFile(join(audit, name))));
		t.deepEqual(after[0], before[0]);
		await writeFile(keyFile, key);
		await write(folder, decisions(1));
		t.like(await verifyAudit({ folder: audit }), { ok: true, records: 4 });
	});
});

test('a checkpoint that a crash cut short is no checkpoint; the log goes on', async t => {
	await inFolder(async folder => {
		await write(folder, decisions(7));
		const file = join(folder, 'audit', 'checkpoints.txt');
		const whole = await readFile(file);
		const start = whole.lastIndexOf('bimetal/test\n');
		for (let size = start; size < whole.length; size += 17) {
			await truncate(file, 0);
			await writeFile(file, whole.subarray(0, size));
			await write(folder, []);
			t.like(await verifyAudit({ folder: join(folder, 'audit') }), {
				ok: true,
				records: 7,
				signed: { size: 7 },
			});
		}
	});
});

test('records that were lost or changed since the last checkpoint are not gone on with', async t => {
	await inFolder(async folder => {
		await write(folder, decisions(7));
		const audit = join(folder, 'audit');
		const files = await linesByFile(audit);
		const [last, lines] = files.at(-1) as [string, string[]];
		await writeFile(last, lines.slice(0, -1).join(''));
		const where = { code: 'AuditCorrupt', message: /ends with record 6, but 7 records were signed/ };
		await t.throwsAsync(openSignedLog(depsOf(folder)), where);
		const verdict = await verifyAudit({ folder: audit });
		t.like(verdict, { ok: false, file: last, line: lines.length - 1 });
		t.regex(verdict.ok ? '' : verdict.reason, /^the log ends with record 6, but 7 records were signed/);
	});
	await inFolder(async folder => {
		// A chain made anew by somebody without the key: right in itself, with other records.
		await write(folder, decisions(7));
		await mkdir(join(folder, 'forged'));
		await write(join(folder, 'forged'), decisions(7).with(5, decision(99)));
		for (const [file] of await linesByFile(join(folder, 'audit'))) await rm(file);
		for (const [file, lines] of await linesByFile(join(folder, 'forged', 'audit'))) {
			await writeFile(file.replace('/forged', ''), lines.join(''));
		}
		const where = { code: 'AuditCorrupt', message: /the first 7 records are not those that were signed/ };
		await t.throwsAsync(openSignedLog(depsOf(folder)), where);
	});
});

test('a checkpoint that cannot be written is told of, and the next one is tried', async t => {
	await inFolder(async folder => {
		const faults: unknown[] = [];
		const time = new FakeClock();
		let broken = false;
		const clock = {
			now: () => (broken ? Number.NaN : time.now()),
			elapsed: () => time.elapsed(),
			after: time.after.bind(time),
		};
		const { log, published } = await openSignedLog(
			depsOf(folder, { clock, onFault: fault => faults.push(fault) }),
		);
		await log.append(decision(1)).durable;
		broken = true; // a time that cannot be written down: the checkpoint fails
		time.advance(10_000);
		while (faults.length === 0) await new Promise(resolve => setImmediate(resolve));
		t.is(published.fault(), faults[0]);
		broken = false;
		await log.append(decision(2)).durable;
		time.advance(10_000);
		while (published.size() === 0) await new Promise(resolve => setImmediate(resolve));
		t.is(published.size(), 2);
		t.is(published.fault(), undefined);
		await log.close();
		t.like(await verifyAudit({ folder: join(folder, 'audit') }), { ok: true, records: 2 });
	});
});
