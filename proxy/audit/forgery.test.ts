import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import type { AuditRecord } from './audit-record.ts';
import { anyRecord, decision, inFolder, linesByFile } from './audit-samples.fixture.ts';
import { genesis, type Head, seal } from './chain.ts';
import { checkpointsName } from './checkpoint-file.ts';
import { nodesName } from './hash-tree.ts';
import { openSignedLog } from './signed-log.ts';
import { type NoteVerifier, parseVerifier } from './signed-note.ts';
import { verifyAudit } from './verify-audit.ts';

// What somebody can do who owns the folder but not the key: make the whole chain anew after any change.

const someRecords = fc.array(anyRecord, { minLength: 2, maxLength: 12 });

async function writeLog(folder: string, records: readonly AuditRecord[]): Promise<NoteVerifier> {
	await mkdir(folder, { recursive: true });
	const { log, published } = await openSignedLog({
		folder: join(folder, 'audit'),
		keyFile: join(folder, 'audit.key'),
		origin: 'bimetal/test',
		clock: new FakeClock(),
		onFault: fault => {
			throw fault;
		},
		largestFile: 1500,
		checkpointRecords: 4,
	});
	for (const [index, record] of records.entries()) {
		await log.append(record).durable;
		// Checkpoints at 4, 8, …, however slow the disk is.
		while ((index + 1) % 4 === 0 && published.size() <= index)
			await new Promise(resolve => setImmediate(resolve));
	}
	await log.close();
	return parseVerifier(published.verifier) as NoteVerifier;
}

interface Line {
	readonly time: string;
	readonly record: string;
}

/** Replaces the log's records by others, in a chain that is right in itself. */
async function forge(audit: string, change: (lines: readonly Line[]) => readonly Line[]): Promise<void> {
	const files = await linesByFile(audit);
	const lines = files
		.flatMap(([, some]) => some)
		.map((text): Line => {
			const [, record = '', , time = ''] =
				/"record":(.*),"seq":(\d+),"time":"([^"]*)"\}\n$/s.exec(text) ?? [];
			return { record, time };
		});
	let head: Head = genesis;
	let text = '';
	for (const { time, record } of change(lines)) {
		const sealed = seal(head, time, record);
		text += sealed.line;
		head = sealed.head;
	}
	for (const [file] of files) await rm(file);
	await writeFile(join(audit, `audit-${'1'.padStart(15, '0')}.jsonl`), text);
}

const forgeries: Readonly<Record<string, (lines: readonly Line[], at: number) => readonly Line[]>> = {
	altered: (lines, at) =>
		lines.with(at, { ...(lines[at] as Line), record: '{"kind":"stop","reason":"forged"}' }),
	'given another time': (lines, at) =>
		lines.with(at, { ...(lines[at] as Line), time: '2026-02-02T00:00:00.000Z' }),
	removed: (lines, at) => lines.toSpliced(at, 1),
	inserted: (lines, at) =>
		lines.toSpliced(at, 0, { time: '2026-02-02T00:00:00.000Z', record: '{"kind":"stop","reason":"forged"}' }),
	'cut off from': (lines, at) => lines.slice(0, at),
};

for (const [what, change] of Object.entries(forgeries)) {
	test(`a record that was ${what}, with the chain made anew, is found at its line`, async t => {
		await fc.assert(
			fc.asyncProperty(someRecords, fc.nat(), async (records, choice) => {
				await inFolder(async folder => {
					const key = await writeLog(folder, records);
					const audit = join(folder, 'audit');
					const at = choice % records.length;
					let same = false;
					await forge(audit, lines => {
						const forged = change(lines, at);
						same = JSON.stringify(forged) === JSON.stringify(lines);
						return forged;
					});
					if (same) return;
					const verdict = await verifyAudit({ folder: audit, key });
					t.false(verdict.ok);
					if (verdict.ok) return;
					const cut = what === 'cut off from' || (what === 'removed' && at === records.length - 1);
					if (cut) t.regex(verdict.reason, new RegExp(`^the log ends with record ${at},`));
					else if (what !== 'removed') t.is(verdict.line, at + 1);
					t.false((await verifyAudit({ folder: audit })).ok);
				});
			}),
			{ numRuns: 10 },
		);
	});
}

test('the record is named exactly from the nodes, and as one of several without them', async t => {
	await inFolder(async folder => {
		const records = Array.from({ length: 11 }, (_, n) => decision(n));
		const key = await writeLog(folder, records);
		const audit = join(folder, 'audit');
		await forge(audit, lines =>
			lines.with(6, { ...(lines[6] as Line), record: '{"kind":"stop","reason":"no"}' }),
		);
		const exact = await verifyAudit({ folder: audit, key });
		t.like(exact, { ok: false, line: 7 });
		t.regex(
			exact.ok ? '' : exact.reason,
			/^record 7 is not the one that was signed at .* \(checkpoints\.txt:\d+\)$/,
		);
		await rm(join(audit, nodesName));
		const range = await verifyAudit({ folder: audit, key });
		t.like(range, { ok: false, line: 5 });
		t.regex(range.ok ? '' : range.reason, /^one of the records 5 to 8 is not what was signed at /);
	});
});

test('a log that was signed anew with another key serves nobody who knows the first one', async t => {
	await inFolder(async folder => {
		const records = [decision(1), decision(2), decision(3)];
		const key = await writeLog(folder, records);
		await writeLog(join(folder, 'forged'), [decision(1), decision(9), decision(3)]);
		const audit = join(folder, 'forged', 'audit');
		t.true((await verifyAudit({ folder: audit })).ok, 'it is right in itself');
		t.like(await verifyAudit({ folder: audit, key }), {
			ok: false,
			file: join(audit, checkpointsName),
			line: 1,
		});
	});
});

test('checkpoints that were changed, removed or reordered are found', async t => {
	await inFolder(async folder => {
		const key = await writeLog(
			folder,
			Array.from({ length: 11 }, (_, n) => decision(n)),
		);
		const audit = join(folder, 'audit');
		const file = join(audit, checkpointsName);
		const whole = await readFile(file, 'utf8');
		const notes = whole.split(/(?<=\n\n)(?=bimetal)/);
		t.true(notes.length >= 4);
		const verify = async (text: string) => {
			await writeFile(file, text);
			return verifyAudit({ folder: audit, key });
		};
		t.like(await verify(whole), { ok: true, signed: { checkpoints: notes.length } });
		t.like(await verify(notes.toReversed().join('')), { ok: false, file, line: 8 });
		t.like(await verify(whole.replace('\n8\n', '\n9\n')), { ok: false, file });
		t.like(await verify(whole.replace('\n\n—', '\n—')), { ok: false, file, line: 1 });
		t.like(await verify(whole.slice(0, -20)), {
			ok: false,
			file,
			reason: 'the last checkpoint is incomplete',
		});
		t.like(await verify(''), { ok: false, file, line: 0 });
		// Fewer checkpoints are no lie; the records after the last one are just not signed.
		t.like(await verify(notes.slice(0, 2).join('')), { ok: true, records: 11, signed: { size: 4 } });
		await rm(file);
		t.like(await verifyAudit({ folder: audit, key }), { ok: false, file, line: 0 });
		t.like(await verifyAudit({ folder: audit }), { ok: false, file, line: 0 });
		await rm(join(audit, 'log.pub'));
		t.like(await verifyAudit({ folder: audit }), { ok: true, records: 11 });
	});
});
