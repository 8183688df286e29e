import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type AuditRecord, auditRecord } from '../audit/audit-record.ts';
import { type Disk, durableDisk } from './enrolment-file.ts';

/** What was done at the console and is not in the audit log yet, which the running proxy alone writes. */
const spool = 'enrolment/unrecorded';

export type ConsoleRecord = Extract<AuditRecord, { kind: 'console' }>;

/** On disk once it resolves; the proxy takes it into the audit log when it starts, or at its next look. */
export async function keepForAudit(disk: Disk, folder: string, record: ConsoleRecord): Promise<void> {
	// Names sort by time, so that the log has the records in their order.
	const name = `${record.at.replace(/[^0-9]/g, '')}-${process.hrtime.bigint().toString().padStart(20, '0')}-${randomBytes(4).toString('hex')}.json`;
	await disk.write(join(folder, spool, name), `${JSON.stringify(record)}\n`);
}

/**
 * Puts what waits on the record, each at least once, and goes on looking for more until it is closed. Never fails:
 * what cannot be recorded goes on waiting.
 */
export async function keepRecording(deps: {
	readonly folder: string;
	readonly audit: AuditLog;
	readonly clock: Clock;
	readonly logger: Logger;
}): Promise<{ close(): Promise<void> }> {
	let cancel = (): void => undefined;
	let closed = false;
	let working: Promise<void> = Promise.resolve();
	const look = async (): Promise<void> => {
		await recordAll(deps);
		if (!closed) cancel = deps.clock.after(every, next);
	};
	const next = (): void => {
		working = look();
	};
	next();
	await working;
	return {
		async close() {
			closed = true;
			cancel();
			await working;
		},
	};
}

/** Milliseconds between two looks. */
const every = 30_000;

async function recordAll({ folder, audit, logger }: Parameters<typeof keepRecording>[0]): Promise<void> {
	const names = await readdir(join(folder, spool)).catch(() => []);
	for (const name of names.filter(name => /^[0-9a-f-]+\.json$/.test(name)).sort()) {
		const path = join(folder, spool, name);
		try {
			const record = auditRecord.parse(JSON.parse((await durableDisk.read(path)) ?? ''));
			if (record.kind !== 'console') throw new TypeError('no record of an act at the console');
			await audit.append(record).durable;
			await durableDisk.remove(path);
		} catch (fault) {
			logger.error({ err: fault, path }, 'an act at the console could not be put on the record');
		}
	}
}
