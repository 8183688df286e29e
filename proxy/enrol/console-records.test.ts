import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AuditRecord } from '../audit/audit-record.ts';
import { type ConsoleRecord, keepForAudit, keepRecording } from './console-records.ts';
import { durableDisk } from './enrolment-file.ts';

test('what was done while the proxy was not running is on the record once it runs, in order, and once', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-console-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const clock = new FakeClock();
	const act = (bmc: string): ConsoleRecord => ({
		kind: 'console',
		action: 'enrol',
		outcome: 'done',
		bmc,
		by: 'tester',
		at: new Date(clock.now()).toISOString(),
		detail: [],
	});
	const records: AuditRecord[] = [];
	let broken = false;
	let recorded = () => {};
	const audit = {
		append(record: AuditRecord) {
			if (broken) return { durable: Promise.reject(new Error('no space left on the device')) };
			records.push(record);
			recorded();
			return { durable: Promise.resolve() };
		},
	} as unknown as AuditLog;
	const bmcs = () => records.map(record => (record.kind === 'console' ? record.bmc : ''));
	const waiting = () => readdir(path.join(folder, 'enrolment/unrecorded'));

	for (const bmc of ['node1', 'node2', 'node3']) await keepForAudit(durableDisk, folder, act(bmc));
	await writeFile(path.join(folder, 'enrolment/unrecorded/0-0-0.json'), '{"kind":"stop"}');
	const recording = await keepRecording({ folder, audit, clock, logger: silentLogger });
	t.deepEqual(bmcs(), ['node1', 'node2', 'node3']);
	t.deepEqual(
		await waiting(),
		['0-0-0.json'],
		'what is no record of the console is left for somebody to look at',
	);

	await keepForAudit(durableDisk, folder, act('node4'));
	const next = new Promise<void>(resolve => (recorded = resolve));
	clock.advance(30_000);
	await next;
	await recording.close();
	t.deepEqual(bmcs(), ['node1', 'node2', 'node3', 'node4']);

	broken = true;
	await keepForAudit(durableDisk, folder, act('node5'));
	await (await keepRecording({ folder, audit, clock, logger: silentLogger })).close();
	t.is((await waiting()).length, 2, 'what could not be recorded goes on waiting');
});
