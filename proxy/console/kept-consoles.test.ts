import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { openStore } from '../../common/store/open-store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AuditRecord } from '../audit/audit-record.ts';
import { type ConsoleDocument, newConsoleId } from './console-document.ts';
import { createKeptConsoles } from './kept-consoles.ts';

const day = 86_400_000;

test('a transcript is deleted so long after its session has ended, on the record first, and no other file is', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-kept-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const clock = new FakeClock(Date.parse('2026-06-01T00:00:00Z'));
	const store = await openStore({ engine: 'lowdb', file: path.join(folder, 'store.json') });
	t.teardown(() => store.close());
	const records: AuditRecord[] = [];
	let isBroken = false;
	const audit = {
		append(record: AuditRecord) {
			if (isBroken) return { durable: Promise.reject(new Error('no space left on the device')) };
			records.push(record);
			return { durable: Promise.resolve() };
		},
	} as AuditLog;
	const transcripts = path.join(folder, 'consoles');
	const kept = createKeptConsoles({
		store,
		audit,
		clock,
		logger: silentLogger,
		folder: transcripts,
		transcriptAge: 90 * day,
	});
	await t.notThrowsAsync(kept.deleteOld(), 'there is no folder yet');

	const sessionAt = async (endedAt: number | undefined): Promise<string> => {
		const openedAt = clock.now() - 200 * day;
		const document: ConsoleDocument = {
			id: newConsoleId(openedAt),
			state: 'open',
			bmc: 'node1',
			path: '/console0',
			kind: 'serial',
			operator: { name: 'cp-operator', party: 'CP' },
			consent: ['CP', 'HSO'],
			approvedBy: [],
			operations: ['Open the serial console'],
			clause: 'HSO and CP',
			requestId: null,
			breakGlass: null,
			openedAt,
			ended: null,
			bytesIn: 0,
			bytesOut: 0,
			recorded: true,
			transcript: null,
		};
		await kept.opened(document);
		const ended = endedAt === undefined ? null : { by: null, reason: 'the operator closed it', at: endedAt };
		if (ended) await kept.ended({ ...document, state: 'ended', ended });
		await writeFile(kept.fileOf(document.id), '{}\n');
		return document.id;
	};
	await mkdir(transcripts);
	const old = await sessionAt(clock.now() - 90 * day);
	const young = await sessionAt(clock.now() - 90 * day + 1);
	const open = await sessionAt(undefined);
	const others = ['notes.txt', 'c12.cast', `${old}.bak`];
	for (const name of others) await writeFile(path.join(transcripts, name), '');

	isBroken = true;
	await t.throwsAsync(kept.deleteOld(), { code: 'AuditUnavailable' });
	t.true((await readdir(transcripts)).includes(`${old}.cast`));
	isBroken = false;
	await kept.deleteOld();
	t.deepEqual((await readdir(transcripts)).sort(), [...others, `${young}.cast`, `${open}.cast`].sort());
	t.deepEqual(
		records.filter(({ kind }) => kind === 'transcript-deleted'),
		[{ kind: 'transcript-deleted', id: old, olderThanMs: 90 * day }],
	);
	clock.advance(1);
	await kept.deleteOld();
	t.false((await readdir(transcripts)).includes(`${young}.cast`));
});
