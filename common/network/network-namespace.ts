import { closeSync, openSync, readlinkSync } from 'node:fs';
import { BimetalError } from '../errors/bimetal-error.ts';
import { startChild } from '../processes/children.ts';

/** A network of its own in the kernel: no device of the machine is in it, and none of its devices is outside. */
export interface NetworkNamespace {
	/** What nsenter(1) and `ip link … netns` take; good as long as this process lives and `close` was not called. */
	readonly path: string;
	/** Lets go of it. With the last process in it, it is gone, and its devices are. */
	close(): void;
}

/** Milliseconds for unshare(1) to do its work. */
const patience = 10_000;

/**
 * Makes a network namespace that has no name and so nothing that could be left behind: it lives as long as this process
 * holds it open or a process runs in it. Throws PartMissing; NamespaceRefused where we may not make one.
 */
export async function createNetworkNamespace(options: {
	readonly run: string;
	readonly folder: string;
}): Promise<NetworkNamespace> {
	// Holds it for the moment in which we take hold of it ourselves.
	const holder = await startChild('unshare', ['--net', '--', 'cat'], options);
	let hasEnded = false;
	void holder.exited.then(() => {
		hasEnded = true;
	});
	try {
		const ours = readlinkSync('/proc/self/ns/net');
		for (const end = performance.now() + patience; ; ) {
			const file = openSync(`/proc/${holder.pid}/ns/net`, 'r');
			const path = `/proc/${process.pid}/fd/${file}`;
			if (readlinkSync(path) !== ours) return { path, close: () => closeSync(file) };
			closeSync(file);
			if (hasEnded || performance.now() > end) throw new Error('still in the old one');
			await new Promise(resolve => setTimeout(resolve, 5));
		}
	} catch (cause) {
		const said = holder.errorLines().join('; ') || String(cause);
		throw new BimetalError('NamespaceRefused', `no network namespace can be made: ${said}`, { cause });
	} finally {
		await holder.stop();
	}
}
