import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';
import type { DiskPlan } from './rack-plan.ts';

/** A disk of which nothing is left to be made: of a guest it is known where it lies. */
export type NodeDisk = Exclude<DiskPlan, { kind: 'guest' }>;

/** Milliseconds for qemu-img, which writes a few hundred kilobytes. */
const patience = 30_000;

/**
 * Makes a node's disk where there is none yet; one that is there is the node's own and stays. What it was made as is
 * kept beside it: throws DiskDiffers where the rack file says something else by now, for what is on the disk would
 * neither be what is wanted nor may it be thrown away. Throws PartMissing; DiskFailed with qemu-img's own words.
 *
 * @param wanted as the rack file has it
 * @param plan the same with nothing left to be found
 */
export async function openNodeDisk(wanted: DiskPlan, plan: NodeDisk, file: string): Promise<void> {
	const origin = `${file}.made-as`;
	const description = describe(wanted);
	const isThere = await stat(file).then(
		() => true,
		() => false,
	);
	if (isThere) {
		const madeAs = (await readFile(origin, 'utf8').catch(() => 'something unknown')).trim();
		if (madeAs === description) return;
		throw new BimetalError(
			'DiskDiffers',
			`${file} was made as ${madeAs}, and the rack file says ${description} now: delete that file to lose what is on ` +
				'it, say what it was made as, or take another --state folder',
			{ status: 409 },
		);
	}
	const program = await findProgram('qemu-img');
	await mkdir(dirname(file), { recursive: true, mode: 0o700 });
	const draft = `${file}.new`;
	const args =
		plan.kind === 'empty' ? [draft, String(plan.bytes)] : ['-b', plan.file, '-F', plan.format, draft];
	try {
		await new Promise<void>((resolve, reject) => {
			execFile(
				program,
				['create', '-q', '-f', 'qcow2', ...args],
				{ timeout: patience, killSignal: 'SIGKILL' },
				(cause, _out, words) => {
					if (!cause) return resolve();
					reject(new BimetalError('DiskFailed', `qemu-img: ${words.trim() || cause.message}`, { cause }));
				},
			);
		});
		await writeFile(origin, `${description}\n`, { mode: 0o600 });
		await rename(draft, file);
	} finally {
		await rm(draft, { force: true });
	}
}

/** As a rack file says it. */
function describe(plan: DiskPlan): string {
	switch (plan.kind) {
		case 'empty':
			return `empty:${plan.bytes}`;
		case 'guest':
			return 'guest';
		case 'image':
			return plan.file;
	}
}
