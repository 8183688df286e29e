import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';
import type { NetworkNamespace } from './network-namespace.ts';

/** Characters of a device's name (IFNAMSIZ is 16, with the zero at its end). */
const longestName = 15;
/** Milliseconds for ip(8). */
const patience = 10_000;

/** The tap device of a port: the port's own name where that fits, else one made of it. */
export function tapName(port: string): string {
	if (/^[a-z][a-z0-9.-]*$/.test(port) && port.length <= longestName && !port.startsWith('ovs-')) return port;
	return `tap-${createHash('sha256').update(port).digest('hex').slice(0, 11)}`;
}

/**
 * Makes a tap and switches it on. It gets no address, not even IPv6's automatic one, so that the kernel has nothing to
 * say on it. Throws TapFailed with ip's own words.
 */
export async function addTap(namespace: NetworkNamespace, tap: string): Promise<void> {
	await ip(namespace, [
		`tuntap add dev ${tap} mode tap`,
		`link set dev ${tap} addrgenmode none`,
		`link set dev ${tap} up`,
	]);
}

export async function removeTap(namespace: NetworkNamespace, tap: string): Promise<void> {
	await ip(namespace, [`link delete dev ${tap}`]);
}

/** Runs commands of ip(8) within the namespace, all in one process. */
async function ip(namespace: NetworkNamespace, commands: readonly string[]): Promise<void> {
	const [nsenter, program] = await Promise.all([findProgram('nsenter'), findProgram('ip')]);
	await new Promise<void>((resolve, reject) => {
		const child = execFile(
			nsenter,
			[`--net=${namespace.path}`, '--', program, '-batch', '-'],
			{ timeout: patience, killSignal: 'SIGKILL' },
			(cause, _out, words) => {
				if (!cause) return resolve();
				const said = words.trim().replaceAll('\n', '; ') || cause.message;
				reject(new BimetalError('TapFailed', `ip ${commands[0]}: ${said}`, { cause }));
			},
		);
		child.stdin?.on('error', () => undefined).end(`${commands.join('\n')}\n`);
	});
}
