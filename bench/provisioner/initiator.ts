import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../../common/processes/programs.ts';
import type { Chap } from '../../provisioner/target/targets.ts';

/** What an initiator needs to get at LUN 1 of a target. */
export interface Door {
	readonly portal: string;
	readonly iqn: string;
	readonly initiator: string;
	readonly chap: Chap;
}

/** qemu-io's and qemu-img's way to it; the secret is in a file, for lists of processes are everybody's. */
export const imageOptions = ({ portal, iqn, initiator, chap }: Door, secretFile: string) => ({
	object: ['--object', `secret,id=chap,file=${secretFile}`],
	image: [
		...['driver=iscsi', 'transport=tcp', `portal=${portal}`, `target=${iqn}`, 'lun=1'],
		...[`user=${chap.username}`, 'password-secret=chap', `initiator-name=${initiator}`],
	].join(','),
});

/** Runs a program for at most two minutes; what it says. Throws with its words when it fails. */
export async function runProgram(name: string, args: readonly string[]): Promise<string> {
	const { stdout } = await promisify(execFile)(await findProgram(name), [...args], { timeout: 120_000 });
	return stdout;
}
