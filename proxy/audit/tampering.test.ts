import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { openAuditLog } from './audit-log.ts';
import type { AuditRecord } from './audit-record.ts';
import { anyRecord, decision, inFolder, linesByFile, writeLines } from './audit-samples.fixture.ts';
import type { Head } from './chain.ts';
import { readAudit } from './read-audit.ts';
import { verifyAudit } from './verify-audit.ts';

const clock = new FakeClock();
const someRecords = fc.array(anyRecord, { minLength: 2, maxLength: 8 });
const runs = { numRuns: 25 };
/** How often each log is tampered with: reading it is much quicker than writing it. */
const someChoices = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 8, maxLength: 8 });

/** A log of small files; returns its end. */
async function writeLog(folder: string, records: readonly AuditRecord[]): Promise<Head> {
	const log = await openAuditLog({ folder, clock, largestFile: 900 });
	for (const record of records) await log.append(record).durable;
	const head = log.head();
	await log.close();
	return head;
}

type Place = readonly [file: number, line: number];

function places(files: Awaited<ReturnType<typeof linesByFile>>): Place[] {
	return files.flatMap(([, lines], file) => lines.map((_, line): Place => [file, line]));
}

test('any byte that was changed is found, at its line', async t => {
	await fc.assert(
		fc.asyncProperty(someRecords, someChoices, async (records, choices) => {
			await inFolder(async folder => {
				await writeLog(folder, records);
				const files = await linesByFile(folder);
				for (const [choice, change] of choices) {
					const [file] = files[choice % files.length] ?? [''];
					const before = await readFile(file);
					const at = Math.floor(choice / files.length) % before.length;
					const line = before.subarray(0, at).filter(byte => byte === 0x0a).length + 1;
					const after = Buffer.from(before);
					after[at] = (after[at] ?? 0) ^ (1 + (change % 255));
					await writeFile(file, after);
					t.like(await verifyAudit({ folder }), { ok: false, file, line });
					await writeFile(file, before);
				}
			});
		}),
		runs,
	);
});

test('any record that was removed is found; the newest against a head that was kept', async t => {
	await fc.assert(
		fc.asyncProperty(someRecords, async records => {
			await inFolder(async folder => {
				const expect = await writeLog(folder, records);
				const files = await linesByFile(folder);
				const all = places(files);
				for (const [file, line] of all) {
					const without = files.map(([path, lines], f) => [
						path,
						lines.filter((_, l) => f !== file || l !== line),
					]);
					await writeLines(without as typeof files);
					t.false((await verifyAudit({ folder, expect })).ok);
					const newest = all.at(-1)?.join() === `${file},${line}`;
					t.is((await verifyAudit({ folder })).ok, newest);
				}
			});
		}),
		runs,
	);
});

test('any two records that changed places are found', async t => {
	await fc.assert(
		fc.asyncProperty(someRecords, someChoices, async (records, choices) => {
			await inFolder(async folder => {
				await writeLog(folder, records);
				const files = await linesByFile(folder);
				const all = places(files);
				for (const [one, other] of choices) {
					const [[fileA, lineA], [fileB, lineB]] = [
						all[one % all.length] as Place,
						// Another one than the first.
						all[(one + 1 + (other % (all.length - 1))) % all.length] as Place,
					];
					const swapped = files.map(([path, lines]): [string, string[]] => [path, [...lines]]);
					(swapped[fileA]?.[1] ?? [])[lineA] = String(files[fileB]?.[1][lineB]);
					(swapped[fileB]?.[1] ?? [])[lineB] = String(files[fileA]?.[1][lineA]);
					await writeLines(swapped);
					t.false((await verifyAudit({ folder })).ok);
				}
			});
		}),
		runs,
	);
});

test('a chain that was made anew is found against a head that was kept', async t => {
	await inFolder(async mine => {
		const head = await writeLog(mine, [decision(1), decision(2)]);
		await inFolder(async forged => {
			await writeLog(forged, [decision(1), decision(7), decision(3)]);
			t.true((await verifyAudit({ folder: forged })).ok);
			t.like(await verifyAudit({ folder: forged, expect: head }), { ok: false, line: 1 });
		});
	});
});

test('damage is refused when the log is opened and when it is read, and is left as it is', async t => {
	await inFolder(async folder => {
		await writeLog(folder, [
			{ kind: 'start', version: '1' },
			{ kind: 'stop', reason: 'asked to' },
		]);
		const files = await linesByFile(folder);
		const [[file, lines] = ['', []]] = files;
		const altered = lines.join('').replace('asked to', 'tired of');
		await writeFile(file, altered);
		const where = { code: 'AuditCorrupt', message: /, line 2: it is not what was written$/ };
		await t.throwsAsync(openAuditLog({ folder, clock }), where);
		await t.throwsAsync(async () => {
			for await (const _ of readAudit({ folder }));
		}, where);
		t.is(await readFile(file, 'utf8'), altered);
	});
});
