import { type Bmc, startBmc } from '../../qemu/bmc/bmc.ts';
import { serve } from '../harness/serve.ts';

export interface BmcsOptions {
	readonly key: string;
	readonly cert: string;
	readonly password: string;
	readonly count: number;
}

export interface BmcsReady {
	readonly urls: readonly string[];
}

// Many emulated BMCs in one process.
await serve(async ({ key, cert, password, count }: BmcsOptions) => {
	const bmcs: Bmc[] = [];
	for (let i = 1; i <= count; i++) {
		bmcs.push(
			await startBmc({
				name: `node${i}`,
				tls: { key, cert },
				accounts: [{ name: 'root', password, role: 'Administrator' }],
			}),
		);
	}
	const ready: BmcsReady = { urls: bmcs.map(bmc => bmc.url) };
	return {
		ready,
		async close() {
			for (const bmc of bmcs) await bmc.close();
		},
	};
});
