import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Qmp } from '../../common/processes/qmp.ts';

/** A port of the board that is reached on this machine's loopback address. */
export interface Forward {
	readonly protocol: 'tcp' | 'udp';
	/** The board's port. */
	readonly board: number;
	/** Here; 0: any free one. */
	readonly here: number;
}

/** For QEMU's `-nic user,…`. */
export const forwardOption = ({ protocol, board, here }: Forward): string =>
	`hostfwd=${protocol}:127.0.0.1:${here}-:${board}`;

/**
 * The same ports as QEMU has really opened them (monitor command `info usernet`): a free port is chosen by the kernel
 * when it is bound, so that nobody can take it in between. Throws QmpRefused; QemuFailed for a list without them.
 */
export async function openedForwards(qmp: Qmp, wanted: readonly Forward[]): Promise<readonly Forward[]> {
	const command = { 'command-line': 'info usernet' };
	const text = z.string().parse(await qmp.execute('human-monitor-command', command));
	return wanted.map(forward => {
		const line = new RegExp(
			`${forward.protocol}\\[HOST_FORWARD\\]\\s+\\d+\\s+127\\.0\\.0\\.1\\s+(\\d+)\\s+\\S+\\s+${forward.board}\\s`,
			'i',
		).exec(text);
		if (!line)
			throw new BimetalError('QemuFailed', `QEMU did not open a port for the board's ${forward.board}`);
		return { ...forward, here: Number(line[1]) };
	});
}
