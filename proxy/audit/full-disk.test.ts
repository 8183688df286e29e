// A disk with no more room, which takes a part of what is written and then nothing, as real ones do.
import { join } from 'node:path';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { decision, inFolder } from './audit-samples.fixture.ts';
import { type LogFile, openLogFile } from './log-files.ts';
import { openSignedLog } from './signed-log.ts';
import { verifyAudit } from './verify-audit.ts';

function createDisk() {
	const disk = { room: Number.POSITIVE_INFINITY, code: 'ENOSPC', failSync: false };
	const full = () => Object.assign(new Error(`${disk.code}: no space left on device`), { code: disk.code });
	const openFile = async (path: string): Promise<LogFile> => {
		const real = await openLogFile(path);
		return {
			...real,
			async write(bytes) {
				const taken = Math.min(bytes.length, disk.room);
				disk.room -= taken;
				await real.write(bytes.subarray(0, taken));
				if (taken < bytes.length) throw full();
			},
			async sync() {
				if (disk.failSync) throw full();
				await real.sync();
			},
		};
	};
	return { disk, openFile };
}

const turns = async (until: () => boolean): Promise<void> => {
	for (let turn = 0; turn < 300 && !until(); turn++) await new Promise(setImmediate);
};

for (const how of ['in the middle of a line', 'at its sync'] as const) {
	test(`a disk that is full ${how}: nothing is taken meanwhile, and it goes on by itself`, t =>
		inFolder(async outer => {
			const folder = join(outer, 'audit');
			const clock = new FakeClock();
			const { disk, openFile } = createDisk();
			const { log } = await openSignedLog({
				folder,
				keyFile: join(outer, 'audit.key'),
				origin: 'bimetal/test',
				clock,
				openFile,
				onFault: fault => t.fail(String(fault)),
				largestFile: 2000,
			});
			for (let n = 0; n < 9; n++) await log.append(decision(n)).durable;
			if (how === 'at its sync') disk.failSync = true;
			else disk.room = 100;
			const several = [log.append(decision(20)), log.append(decision(21))];
			for (const { durable } of several) await t.throwsAsync(durable, { code: 'AuditFailed' });
			t.false(log.healthy());
			t.is(log.head().seq, 9);
			await t.throwsAsync(log.append(decision(22)).durable, { code: 'AuditFailed' });
			for (let second = 0; second < 20; second++) {
				clock.advance(1000);
				await turns(log.healthy);
				t.false(log.healthy(), 'still full');
			}
			disk.room = Number.POSITIVE_INFINITY;
			disk.failSync = false;
			// How many turns a real disk takes is its own affair; the test's own time limit ends what hangs.
			while (!log.healthy()) {
				clock.advance(1000);
				await turns(log.healthy);
			}
			t.is(log.head().seq, 10);
			await log.append(decision(30)).durable;
			await log.close();
			const verdict = await verifyAudit({ folder });
			t.like(verdict, { ok: true, records: 11 });
		}));
}

test('any other fault of the disk is for a person to look at', t =>
	inFolder(async outer => {
		const clock = new FakeClock();
		const { disk, openFile } = createDisk();
		const { log } = await openSignedLog({
			folder: join(outer, 'audit'),
			keyFile: join(outer, 'audit.key'),
			origin: 'bimetal/test',
			clock,
			openFile,
			onFault: () => undefined,
		});
		disk.code = 'EIO';
		disk.failSync = true;
		await t.throwsAsync(log.append(decision(1)).durable, { code: 'AuditFailed' });
		disk.failSync = false;
		clock.advance(60_000);
		await turns(log.healthy);
		t.false(log.healthy());
		await log.close();
	}));
