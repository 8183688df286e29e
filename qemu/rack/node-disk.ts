import { execFile } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../machine/parts.ts';
import type { DiskPlan } from './rack-plan.ts';

/** A disk of which nothing is left to be made: of a guest it is known where it lies. */
export type NodeDisk = Exclude<DiskPlan, { kind: 'guest' }>;

/** Milliseconds for qemu-img, which writes a few hundred kilobytes. */
const patience = 30_000;

/**
 * Makes a node's disk where there is none yet; one that is there is the node's own and stays. Throws PartMissing;
 * DiskFailed with qemu-img's own words.
 */
export async function openNodeDisk(plan: NodeDisk, file: string): Promise<void> {
	const isThere = await stat(file).then(
		() => true,
		() => false,
	);
	if (isThere) return;
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
		await rename(draft, file);
	} finally {
		await rm(draft, { force: true });
	}
}
