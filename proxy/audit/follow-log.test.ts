import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import type { AuditRecord } from './audit-record.ts';
import { anyRecord, decision, inFolder, linesByFile } from './audit-samples.fixture.ts';
import { type Head, seal } from './chain.ts';
import { compareLogs } from './compare-logs.ts';
import { keepEvidence } from './evidence.ts';
import { followOnce, type LogSource, type Parting } from './follow-log.ts';
import { type LogCopy, openCopy } from './log-copy.ts';
import { checkInclusion } from './proof.ts';
import type { PublishedLog } from './published-log.ts';
import { openSignedLog } from './signed-log.ts';
import { parseVerifier } from './signed-note.ts';
import { verifyAudit } from './verify-audit.ts';

const base64 = (hash: Uint8Array) => Buffer.from(hash).toString('base64');

/** A proxy's log, as its clients see it. Logs with the same key file sign with the same key. */
async function openLog(folder: string, keyFile: string) {
	await mkdir(folder, { recursive: true });
	const clock = new FakeClock();
	const { log, published } = await openSignedLog({
		folder,
		keyFile,
		origin: 'bimetal/test',
		clock,
		onFault: fault => {
			throw fault;
		},
		checkpointRecords: 3,
		largestFile: 4000,
	});
	const write = async (records: readonly AuditRecord[]) => {
		for (const record of records) await log.append(record).durable;
	};
	/** Lets time pass until a checkpoint covers everything. */
	const signAll = async () => {
		while (published.size() < log.head().seq) {
			clock.advance(10_000);
			await new Promise(resolve => setImmediate(resolve));
		}
	};
	return { write, signAll, close: () => log.close(), source: sourceOf(published), published, clock };
}

const sourceOf = (published: PublishedLog): LogSource => ({
	checkpoint: async () => published.checkpoint(),
	checkpoints: (after, limit) => published.checkpoints(after, limit),
	records: (after, limit) => published.records(after, limit),
	inclusion: async (seq, size) => ((await published.inclusion(seq, size)) ?? []).map(base64),
});

async function copyOf(folder: string, source: PublishedLog): Promise<LogCopy> {
	const verifier = parseVerifier(source.verifier);
	if (!verifier) throw new Error('no key');
	return openCopy({ folder, clock: new FakeClock(), verifier });
}

/** Follows until there is nothing new, or something is wrong. */
async function followAll(copy: LogCopy, source: LogSource) {
	for (;;) {
		const step = await followOnce(copy, source);
		if (step.kind !== 'advanced') return step;
	}
}

const decisions = (count: number, from = 0) => Array.from({ length: count }, (_, n) => decision(from + n));

test('a copy has what is signed, line by line, whenever it is stopped and opened again', async t => {
	const batches = fc.array(fc.array(anyRecord, { maxLength: 9 }), { minLength: 1, maxLength: 4 });
	await fc.assert(
		fc.asyncProperty(batches, async some => {
			await inFolder(async folder => {
				const [audit, key, kept] = [join(folder, 'audit'), join(folder, 'audit.key'), join(folder, 'copy')];
				for (const records of some) {
					await (async () => {
						const log = await openLog(audit, key);
						await log.write(records);
						await log.close();
					})();
					const log = await openLog(audit, key);
					const copy = await copyOf(kept, log.published);
					t.deepEqual(await followAll(copy, log.source), { kind: 'current', size: log.published.size() });
					t.is(copy.head().seq, log.published.size());
					await copy.close();
					await log.close();
				}
				const lines = async (of: string) => (await linesByFile(of)).flatMap(([, text]) => text).join('');
				t.is(await lines(kept), await lines(audit));
				const notes = (await readFile(join(audit, 'checkpoints.txt'), 'utf8')).split(/(?<=\n\n)(?=bimetal)/);
				const signed = await readFile(join(kept, 'checkpoints.txt'), 'utf8');
				for (const note of notes.filter(text => !/^.*\n0\n/.test(text))) t.true(signed.includes(note));
				const count = some.flat().length;
				t.like(await verifyAudit({ folder: kept }), { ok: true, records: count, signed: { size: count } });
				t.deepEqual(await compareLogs(kept, audit), { kind: 'same', records: count, more: [0, 0] });
			});
		}),
		{ numRuns: 8 },
	);
});

/** Two logs signed by one key, that part with record `at`; a copy has followed the first. */
async function fork(
	folder: string,
	at: number,
	sizes: readonly [number, number],
	body: (logs: { copy: LogCopy; other: Awaited<ReturnType<typeof openLog>> }) => Promise<void>,
): Promise<void> {
	const key = join(folder, 'audit.key');
	const first = await openLog(join(folder, 'audit'), key);
	await first.write(decisions(sizes[0]));
	await first.close();
	const forged = await openLog(join(folder, 'forged'), key);
	await forged.write([...decisions(at - 1), ...decisions(sizes[1] - at + 1, 100)]);
	await forged.close();
	const [shown, other] = [
		await openLog(join(folder, 'audit'), key),
		await openLog(join(folder, 'forged'), key),
	];
	const copy = await copyOf(join(folder, 'copy'), shown.published);
	try {
		await followAll(copy, shown.source);
		await body({ copy, other });
	} finally {
		await copy.close();
		await shown.close();
		await other.close();
	}
}

test('a log that shows another history than before is caught, with the first record that differs', async t => {
	const sizes = fc.tuple(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 1, max: 14 }));
	await fc.assert(
		fc.asyncProperty(sizes, fc.nat(), async ([one, other], choice) => {
			const at = 1 + (choice % Math.min(one, other));
			await inFolder(async folder => {
				await fork(folder, at, [one, other], async ({ copy, other: forged }) => {
					const step = await followAll(copy, forged.source);
					t.is(step.kind, 'parted');
					t.is((step as Parting).seq, at);
					t.is(copy.head().seq, one, 'the copy stays as it is');

					const file = await keepEvidence(copy, forged.source, step as Parting, '2026-01-02T00:00:00.000Z');
					const { key, ours, theirs } = JSON.parse(await readFile(file, 'utf8'));
					const verifier = parseVerifier(key);
					if (!verifier) return t.fail('no key');
					const [mine, yours] = [ours, theirs].map(side => checkInclusion({ key, ...side }, verifier));
					if (!mine?.ok || !yours?.ok) return t.fail('the evidence does not prove itself');
					t.is(mine.sealed.seq, at);
					t.is(yours.sealed.seq, at);
					t.not(mine.sealed.hash, yours.sealed.hash);
				});
			});
		}),
		{ numRuns: 15 },
	);
});

test('two parties who were shown different histories find out by comparing, and where', async t => {
	await inFolder(async folder => {
		await fork(folder, 5, [11, 8], async ({ copy, other }) => {
			const theirs = await copyOf(join(folder, 'theirs'), other.published);
			t.like(
				await followAll(theirs, other.source),
				{ kind: 'current', size: 8 },
				'each alone sees nothing wrong',
			);
			await theirs.close();
			const found = await compareLogs(copy.folder, theirs.folder);
			if (found.kind !== 'parted') return t.fail(found.kind);
			t.is(found.seq, 5);
			for (const { line, checkpoint } of found.places) {
				t.is(line, 5);
				t.true((checkpoint?.size ?? 0) >= 5, 'each shows what its side has signed');
			}
			// A checkpoint sent by mail is enough to tell that there are two.
			const note = join(folder, 'note.txt');
			await writeFile(note, other.published.checkpoint());
			t.like(await compareLogs(copy.folder, note), { kind: 'parted', seq: null });
			t.like(await compareLogs(note, copy.folder), { kind: 'parted', seq: null });
			t.like(await compareLogs(note, theirs.folder), { kind: 'same', records: 8 });
			t.like(await compareLogs(note, note), { kind: 'unknown' }, 'no key says whose they are');
			t.like(await compareLogs(note, note, copy.verifier), { kind: 'same', records: 8 });
			const longer = join(folder, 'longer.txt');
			await writeFile(longer, copy.signed()?.note ?? '');
			t.like(await compareLogs(longer, theirs.folder), { kind: 'unknown' });
			t.like(await compareLogs(longer, note, copy.verifier), { kind: 'unknown' });
			await writeFile(longer, 'nonsense');
			t.like(await compareLogs(longer, theirs.folder), { kind: 'unknown' });
		});
	});
});

test('a log that lost signed records is caught', async t => {
	await inFolder(async folder => {
		const key = join(folder, 'audit.key');
		const whole = await openLog(join(folder, 'audit'), key);
		await whole.write(decisions(9));
		await whole.close();
		const shown = await openLog(join(folder, 'audit'), key);
		const copy = await copyOf(join(folder, 'copy'), shown.published);
		t.like(await followAll(copy, shown.source), { kind: 'current', size: 9 });
		await shown.close();

		const cut = await openLog(join(folder, 'cut'), key);
		await cut.write(decisions(3));
		// Three make a checkpoint, without time passing.
		while (cut.published.size() < 3) await new Promise(resolve => setImmediate(resolve));
		t.like(await followOnce(copy, cut.source), { kind: 'current' }, 'an old checkpoint alone proves nothing');
		await cut.write(decisions(1, 3));
		cut.clock.advance(60_000);
		await cut.signAll();
		const step = (await followOnce(copy, cut.source)) as Parting;
		t.like(step, { kind: 'parted', seq: 5, record: null });
		t.regex(step.reason, /^5 records that were signed at .* are gone/);
		await copy.close();
		await cut.close();
	});
});

test('whatever a source that has gone wrong shows, the copy takes only what is signed', async t => {
	await inFolder(async folder => {
		const log = await openLog(join(folder, 'audit'), join(folder, 'audit.key'));
		await log.write(decisions(9));
		const stranger = await openLog(join(folder, 'stranger'), join(folder, 'stranger.key'));
		await stranger.write(decisions(12, 50));
		await log.signAll();
		await stranger.signAll();
		const { source } = log;
		const altered = (lines: readonly string[]) =>
			lines.map(line => line.replace('cp-operator', 'xp-operator'));
		const sources: Record<string, [LogSource, RegExp]> = {
			'altered records': [
				{ ...source, records: async (after, limit) => altered(await source.records(after, limit)) },
				/what follows record 0 is not what was written/,
			],
			'records left out': [
				{ ...source, records: async (after, limit) => (await source.records(after, limit)).toSpliced(1, 1) },
				/record 3 follows record 1/,
			],
			'no records': [{ ...source, records: async () => [] }, /record 1 was signed, and is not shown/],
			'no checkpoints': [{ ...source, checkpoints: async () => [] }, /of which no checkpoint is shown/],
			'another key': [stranger.source, /did not sign/],
			'another key’s checkpoints': [{ ...source, checkpoints: stranger.source.checkpoints }, /did not sign/],
			'another log’s records': [
				{ ...source, records: stranger.source.records },
				/signed for other records than those that are shown/,
			],
			nonsense: [{ ...source, checkpoint: async () => 'nonsense' }, /did not sign/],
		};
		for (const [what, [wrong, reason]] of Object.entries(sources)) {
			const kept = join(folder, what);
			const copy = await copyOf(kept, log.published);
			const step = await followAll(copy, wrong);
			t.is(step.kind, 'parted', what);
			t.regex((step as Parting).reason, reason, what);
			t.is(copy.signed()?.size ?? 0, 0, what);
			await copy.close();
		}
		t.true((await readdir(join(folder, 'no records'))).includes('log.pub'));
		await log.close();
		await stranger.close();
	});
});

test('a copy belongs to one key, and to one process', async t => {
	await inFolder(async folder => {
		const log = await openLog(join(folder, 'audit'), join(folder, 'audit.key'));
		const stranger = await openLog(join(folder, 'stranger'), join(folder, 'stranger.key'));
		const copy = await copyOf(join(folder, 'copy'), log.published);
		await t.throwsAsync(copyOf(join(folder, 'copy'), log.published), { code: 'AuditLocked' });
		await copy.close();
		await t.throwsAsync(copyOf(join(folder, 'copy'), stranger.published), { code: 'AuditKeyUnusable' });
		await (await copyOf(join(folder, 'copy'), log.published)).close();
		await log.close();
		await stranger.close();
	});
});

test('records that were copied while nothing vouched for them yet are copied again', async t => {
	await inFolder(async folder => {
		const log = await openLog(join(folder, 'audit'), join(folder, 'audit.key'));
		const kept = join(folder, 'copy');
		await log.write(decisions(9));
		await log.signAll();
		for (const signed of [0, 9]) {
			// A crash between the lines and their checkpoint; the second time with records that never were the log's.
			const crashed = await copyOf(kept, log.published);
			const lines = signed === 0 ? await log.published.records(0, 7) : unsignedLines(crashed.head(), 5);
			t.deepEqual(await crashed.append(lines), {});
			await crashed.close();
			const again = await copyOf(kept, log.published);
			t.is(again.head().seq, signed);
			t.deepEqual(await followAll(again, log.source), { kind: 'current', size: 9 });
			await again.close();
			t.like(await verifyAudit({ folder: kept }), { ok: true, records: 9, signed: { size: 9 } });
		}
		await log.close();
	});
});

/** Records that follow on `head` in a chain that is right in itself. */
function unsignedLines(head: Head, count: number): string[] {
	const lines: string[] = [];
	for (let end = head; lines.length < count; ) {
		const sealed = seal(end, '2026-01-01T00:00:00.000Z', '{"kind":"stop","reason":"never"}');
		lines.push(sealed.line.trimEnd());
		end = sealed.head;
	}
	return lines;
}
