import { showUsage } from '../core/usage.ts';
import { collect } from '../volume/collect.ts';
import { changes, type ProvisionerRoute, reads } from './route.ts';
import * as views from './views.ts';

export const storageRoutes = (): readonly ProvisionerRoute[] => [
	reads({
		path: '/usage',
		action: 'usage.show',
		summary: 'Bytes that are really used: by each disk alone, and by the images that disks share',
		answer: views.usage,
		verb: async () => undefined,
		after: async (_result, { storage, store, world }, _args, actor) => {
			const used = await storage.usage();
			return store.read(tx => showUsage(tx, used, world(actor)));
		},
	}),
	changes('POST', {
		path: '/storage/collect',
		action: 'storage.collect',
		summary: 'Remove volumes that no record knows, and tell how many bytes that gave',
		answer: views.collected,
		verb: async () => undefined,
		after: (_result, deps) => collect(deps),
	}),
];
