import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { makeFolderDurably } from '../../common/store/durable-file.ts';
import { lockFile } from '../../common/store/file-lock.ts';
import { type ConsoleRecord, keepForAudit } from './console-records.ts';
import { type Disk, durableDisk } from './enrolment-file.ts';
import { enrolErrors } from './errors.ts';
import { type OpenBmc, openBmc, presentedFingerprint } from './open-bmc.ts';

/** What enrolling and releasing touch: the disk of the proxy's host, the BMC, time and randomness. */
export interface Console {
	/** Folder of the site file. */
	readonly folder: string;
	/** The site file; undefined when the operator adds the BMC to it by hand. */
	readonly siteFile: string | undefined;
	readonly disk: Disk;
	readonly openBmc: (target: { name: string; url: string; fingerprint: string }) => OpenBmc;
	readonly presentedFingerprint: (name: string, url: string) => Promise<string>;
	readonly random: (bytes: number) => Uint8Array;
	readonly clock: Clock;
	/** The host's user. */
	readonly by: string;
	/** Progress, one line a step; never a secret. */
	readonly report: (line: string) => void;
}

/** The real ones. */
export const hostConsole = { disk: durableDisk, openBmc, presentedFingerprint } as const;

/** Runs `work` while no other process enrols or releases this BMC. @throws BimetalError EnrolmentBusy */
export async function alone<R>(at: Console, bmc: string, work: () => Promise<R>): Promise<R> {
	const folder = join(at.folder, 'enrolment');
	await makeFolderDurably(folder);
	const lock = await lockFile(join(folder, `${bmc}.lock`), at.clock);
	if (!lock.locked) throw enrolErrors.EnrolmentBusy(`${bmc} is being worked on by ${lock.holder}`);
	try {
		return await work();
	} finally {
		await lock.release();
	}
}

/** Records around a change: that it begins is on disk before it is made, how it ended afterwards. */
export async function recorded<R>(
	at: Pick<Console, 'disk' | 'folder' | 'clock' | 'by'>,
	what: Pick<ConsoleRecord, 'action' | 'bmc'>,
	work: () => Promise<{ result: R; detail: string[] }>,
): Promise<R> {
	const keep = (outcome: ConsoleRecord['outcome'], detail: string[]): Promise<void> =>
		keepForAudit(at.disk, at.folder, {
			kind: 'console',
			...what,
			outcome,
			by: at.by,
			at: new Date(at.clock.now()).toISOString(),
			detail,
		});
	await keep('begun', []);
	try {
		const { result, detail } = await work();
		await keep('done', detail);
		return result;
	} catch (fault) {
		await keep('failed', [fault instanceof Error ? fault.message : String(fault)]);
		throw fault;
	}
}
