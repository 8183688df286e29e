import path from 'node:path';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createMemoryNetwork } from '../../provisioner/boot/memory-network.fixture.ts';
import type { TargetSpec, Targets } from '../../provisioner/target/targets.ts';
import { startTgtTargets } from '../../provisioner/target/tgt-targets.ts';
import { freePort } from './free-port.ts';
import type { ReadyMaker } from './ready-maker.ts';
import { type BenchSite, openSite } from './site.ts';

/** Milliseconds for a disk to be served. */
const patience = 30_000;

/** The provisioner: a node is provisioned until it is about to be powered on, and then given up. */
export async function openOurs(
	folder: string,
	run: string,
): Promise<ReadyMaker & { readonly site: BenchSite; close(): Promise<void> }> {
	const portals = [`127.0.0.1:${await freePort()}`];
	const shared = { run, clock: systemClock, logger: silentLogger };
	const tgt = await startTgtTargets({ ...shared, portals, folder: path.join(folder, 'tgt') });
	await tgt.admit();
	let onServed: (spec: TargetSpec) => void = () => undefined;
	const targets: Targets = {
		...tgt,
		async serve(spec) {
			await tgt.serve(spec);
			onServed(spec);
		},
	};
	const network = { ...createMemoryNetwork('boot'), targets, addressOf: async () => '127.0.0.1' };
	const site = await openSite({
		folder,
		run,
		network,
		nodes: {
			look: async () => ({
				project: 'red',
				nic: { label: 'eth0', mac: '52:54:00:00:00:01', network: null },
			}),
			// Ends with the operation's.
			bootFromNetwork: (_node, { signal }) =>
				new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
			turnOff: async () => undefined,
		},
	}).catch(async fault => {
		await tgt.close();
		throw fault;
	});
	return {
		site,
		async makeReady(image) {
			let isLate: NodeJS.Timeout | undefined;
			const served = new Promise<TargetSpec>((resolve, reject) => {
				onServed = resolve;
				isLate = setTimeout(() => reject(new Error(`no disk of ${image} is served`)), patience);
			});
			const asked = site.call('POST', '/nodes/n1/provision', { project: 'red', image });
			const { iqn, initiator, chap, units } = await served.catch(async cause => {
				const { id } = await asked;
				throw new Error(JSON.stringify(await site.call('GET', `/operations/${id}`)), { cause });
			});
			clearTimeout(isLate);
			return {
				file: units[0]?.backing.path ?? '',
				door: { portal: portals[0] ?? '', iqn, initiator, chap },
				async end() {
					const { id } = await asked;
					await site.call('POST', `/operations/${id}/cancel`);
					await site.ended(String(id), 'FAILED');
				},
			};
		},
		async close() {
			await site.close();
			await tgt.close();
		},
	};
}
