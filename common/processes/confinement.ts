import { readFile } from 'node:fs/promises';
import { findProgram } from './programs.ts';

/** What a program may use up that reads what strangers have written. */
export interface Limits {
	/** Seconds of processor time. */
	readonly cpu: number;
	/** Bytes of address space. */
	readonly memory: number;
	/** Bytes that a file may have which it writes. */
	readonly fileSize: number;
}

/** How to start a program that may do little: what to start, and what comes before its own path and arguments. */
export interface Confinement {
	readonly program: string;
	readonly args: readonly string[];
	/** Who it runs as, where that is not us: what it is to open must be theirs to read or write. */
	readonly user: number | undefined;
}

/** Debian's nobody and nogroup, who own nothing. */
const nobody = 65_534;
/** Bits of capabilities (capabilities(7), linux/capability.h). */
const capability = { setgid: 6, setuid: 7, admin: 21 } as const;

/**
 * A program starts so with limits (setrlimit(2)), without a core file, without ever gaining rights, and ends with us. Where we
 * have the rights to, as root has, it is nobody, and in a network with nothing in it. It stays one process with one number.
 */
export async function confine(limits: Limits): Promise<Confinement> {
	const [setpriv, prlimit] = await Promise.all([findProgram('setpriv'), findProgram('prlimit')]);
	const rights = await effectiveCapabilities();
	const may = (bit: number): boolean => ((rights >> BigInt(bit)) & 1n) === 1n;
	const isOther = may(capability.setuid) && may(capability.setgid);
	const [first = '', ...rest] = [
		...(may(capability.admin) ? [await findProgram('unshare'), '--net', '--'] : []),
		setpriv,
		...(isOther ? [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] : []),
		...['--no-new-privs', '--pdeathsig', 'KILL', '--', prlimit],
		...[`--cpu=${Math.ceil(limits.cpu)}`, `--as=${limits.memory}`, `--fsize=${limits.fileSize}`],
		...['--core=0', '--nofile=64', '--'],
	];
	return { program: first, args: rest, user: isOther ? nobody : undefined };
}

/** proc(5), CapEff. */
async function effectiveCapabilities(): Promise<bigint> {
	const [, mask] = /^CapEff:\s*([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8')) ?? [];
	return mask === undefined ? 0n : BigInt(`0x${mask}`);
}
