import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { openAuditLog } from './audit-log.ts';
import { auditRecord } from './audit-record.ts';
import { anyRecord, decision, inFolder, linesByFile } from './audit-samples.fixture.ts';
import { type LogFile, openLogFile } from './log-files.ts';
import { readAudit } from './read-audit.ts';
import { verifyAudit } from './verify-audit.ts';

const clock = new FakeClock();

async function readAll(options: Parameters<typeof readAudit>[0]) {
	const entries = [];
	for await (const entry of readAudit(options)) entries.push(entry);
	return entries;
}

test('what was appended is read again in its order, over several files and openings', async t => {
	await fc.assert(
		fc.asyncProperty(fc.array(fc.array(anyRecord, { maxLength: 8 }), { maxLength: 5 }), async batches => {
			await inFolder(async folder => {
				for (const records of batches) {
					const log = await openAuditLog({ folder, clock, largestFile: 700 });
					await Promise.all(records.map(record => log.append(record).durable));
					await log.close();
				}
				const entries = await readAll({ folder });
				t.deepEqual(
					entries.map(entry => entry.record),
					batches.flat().map(record => auditRecord.parse(record)),
				);
				t.deepEqual(
					entries.map(entry => entry.seq),
					entries.map((_, index) => index + 1),
				);
				const verdict = await verifyAudit({ folder });
				t.deepEqual(verdict, {
					ok: true,
					records: entries.length,
					head: { seq: entries.length, hash: entries.at(-1)?.hash ?? '0'.repeat(64) },
				});
			});
		}),
		{ numRuns: 30 },
	);
});

test('files are begun by size, for the owner alone, and paging starts in the right one', async t => {
	await inFolder(async folder => {
		const log = await openAuditLog({ folder, clock, largestFile: 2000 });
		for (let n = 1; n <= 10; n++) await log.append(decision(n)).durable;
		t.is(log.head().seq, 10);
		await log.close();
		const names = await readdir(folder);
		t.true(names.length > 3);
		for (const name of names) t.is((await stat(join(folder, name))).mode & 0o777, 0o600);
		for (let after = 0; after <= 10; after++) {
			const seqs = (await readAll({ folder, after, limit: 3 })).map(entry => entry.seq);
			t.deepEqual(
				seqs,
				[after + 1, after + 2, after + 3].filter(seq => seq <= 10),
			);
		}
	});
});

test('the line is what the documentation says it is', async t => {
	await inFolder(async folder => {
		const log = await openAuditLog({ folder, clock });
		await log.append({ kind: 'start', version: '0.1.0' }).durable;
		await log.close();
		const [[, lines] = ['', []]] = await linesByFile(folder);
		// printf '%064d\n{"record":…,"seq":1,"time":…}' 0 | sha256sum
		const hash = 'a00c98519e208bdd7f648ca3cb4085a5cface81073cd6a1a775ceb6443d2f0de';
		const record = '"record":{"kind":"start","version":"0.1.0"},"seq":1,"time":"2026-01-01T00:00:00.000Z"';
		t.deepEqual(lines, [`{"hash":"${hash}","prev":"${'0'.repeat(64)}",${record}}\n`]);
	});
});

test('a last line that a crash cut short is put aside and the chain goes on', async t => {
	await inFolder(async folder => {
		const first = await openAuditLog({ folder, clock });
		await Promise.all([first.append(decision(1)).durable, first.append(decision(2)).durable]);
		await first.close();
		const [[file] = ['']] = await linesByFile(folder);
		await appendFile(file, '{"hash":"00');
		t.like(await verifyAudit({ folder }), { ok: false, line: 3, reason: 'the last line is incomplete' });

		const second = await openAuditLog({ folder, clock });
		await second.append(decision(3)).durable;
		await second.close();
		t.like(await verifyAudit({ folder }), { ok: true, records: 3 });
		const torn = (await readdir(folder)).filter(name => name.endsWith('.torn'));
		t.is(torn.length, 1);
		t.is(await readFile(join(folder, String(torn[0])), 'utf8'), '{"hash":"00');
	});
});

test('a second process is kept out, a closed log takes nothing', async t => {
	await inFolder(async folder => {
		const log = await openAuditLog({ folder, clock });
		await t.throwsAsync(openAuditLog({ folder, clock }), { code: 'AuditLocked' });
		const last = log.append(decision(1)).durable;
		await log.close();
		await t.notThrowsAsync(last);
		await t.throwsAsync(log.append(decision(2)).durable, { code: 'AuditClosed' });
	});
});

test('a record that no reader would read is refused, and the log goes on', async t => {
	await inFolder(async folder => {
		const log = await openAuditLog({ folder, clock });
		for (const letter of ['x', 'ä', '\0']) {
			const tooLong = log.append({ kind: 'stop', reason: letter.repeat(300_000) }).durable;
			await t.throwsAsync(tooLong, { code: 'AuditTooLong' });
		}
		t.true(log.healthy());
		const longest = { kind: 'stop', reason: 'ä'.repeat(130_900) } as const;
		await log.append(longest).durable;
		await log.close();
		t.like(await verifyAudit({ folder }), { ok: true, records: 1 });
		t.deepEqual((await readAll({ folder }))[0]?.record, longest);
	});
});

test('records that the disk cannot take fast enough are refused', async t => {
	await inFolder(async folder => {
		const log = await openAuditLog({ folder, clock, largestQueue: 3000 });
		const outcomes = await Promise.allSettled(
			Array.from({ length: 20 }, (_, n) => log.append(decision(n)).durable),
		);
		const taken = outcomes.filter(outcome => outcome.status === 'fulfilled').length;
		t.true(taken >= 3 && taken < 10);
		for (const outcome of outcomes) {
			if (outcome.status === 'rejected') t.is(outcome.reason.code, 'AuditFull');
		}
		await log.append(decision(99)).durable;
		await log.close();
		t.like(await verifyAudit({ folder }), { ok: true, records: taken + 1 });
	});
});

for (const failing of ['write', 'sync'] as const) {
	test(`when a ${failing} fails, nothing more is taken until the log is opened again`, async t => {
		await inFolder(async folder => {
			let left = 2;
			const openFile = async (path: string): Promise<LogFile> => {
				const file = await openLogFile(path);
				return {
					...file,
					async [failing](bytes: Uint8Array = new Uint8Array()) {
						if (left-- > 0) return file[failing](bytes);
						if (failing === 'write') await file.write(bytes.subarray(0, 100));
						throw new Error('no space left');
					},
				};
			};
			const log = await openAuditLog({ folder, clock, openFile });
			await log.append(decision(1)).durable;
			await log.append(decision(2)).durable;
			t.true(log.healthy());
			const lost = log.append(decision(3)).durable;
			await t.throwsAsync(lost, { code: 'AuditFailed', message: /no space left/ });
			t.false(log.healthy());
			t.is(log.head().seq, 2);
			left = 9;
			await t.throwsAsync(log.append(decision(4)).durable, { code: 'AuditFailed' });
			await log.close();

			const again = await openAuditLog({ folder, clock });
			t.true(again.head().seq >= 2);
			await again.append(decision(5)).durable;
			await again.close();
			t.like(await verifyAudit({ folder }), { ok: true });
		});
	});
}
