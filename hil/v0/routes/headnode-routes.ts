import { z } from 'zod';
import * as headnodes from '../../core/headnodes.ts';
import { reference } from '../../model/label.ts';
import { changes, type HilRoute, reads } from '../route.ts';
import * as views from '../views.ts';

/** Headnodes. */
export const headnodeRoutes: readonly HilRoute[] = [
	reads({
		path: '/headnode_images/',
		action: 'headnode.images',
		summary: 'Images for headnodes',
		answer: views.names,
		verb: headnodes.listImages,
	}),
	changes('PUT', {
		path: '/headnode/{headnode}',
		action: 'headnode.create',
		summary: 'Plan a headnode',
		body: { project: reference, base_img: z.string() },
		verb: headnodes.createHeadnode,
	}),
	reads({
		path: '/headnode/{headnode}',
		action: 'headnode.show',
		summary: 'A headnode',
		answer: views.headnode,
		verb: async (tx, of: { headnode: string }) => ({
			shown: await headnodes.showHeadnode(tx, of),
			machine: await headnodes.describeMachine(tx, of),
		}),
		after: async ({ shown, machine }, { hypervisor }) => ({
			...shown,
			vncport: await hypervisor.vncPort(machine),
		}),
	}),
	changes('DELETE', {
		path: '/headnode/{headnode}',
		action: 'headnode.delete',
		summary: 'Delete a headnode and its machine',
		verb: headnodes.describeMachine,
		after: async (machine, { hypervisor, store }, of) => {
			await hypervisor.remove(machine);
			await store.transact(tx => headnodes.deleteHeadnode(tx, of));
		},
	}),
	changes('POST', {
		path: '/headnode/{headnode}/start',
		action: 'headnode.start',
		summary: 'Start a headnode; from then on it cannot be changed',
		verb: headnodes.freezeHeadnode,
		after: async (machine, { hypervisor, store }, of) => {
			try {
				await hypervisor.start(machine);
			} catch (fault) {
				if (machine.headnode.dirty) await store.transact(tx => headnodes.thawHeadnode(tx, of));
				throw fault;
			}
		},
	}),
	changes('POST', {
		path: '/headnode/{headnode}/stop',
		action: 'headnode.stop',
		summary: 'Stop a headnode at once',
		verb: headnodes.describeMachine,
		after: (machine, { hypervisor }) => hypervisor.stop(machine),
	}),
	changes('PUT', {
		path: '/headnode/{headnode}/hnic/{hnic}',
		action: 'headnode.change',
		summary: 'Plan a NIC of a headnode',
		verb: headnodes.createHnic,
	}),
	changes('DELETE', {
		path: '/headnode/{headnode}/hnic/{hnic}',
		action: 'headnode.change',
		summary: 'Delete a NIC of a headnode',
		verb: headnodes.deleteHnic,
	}),
	changes('POST', {
		path: '/headnode/{headnode}/hnic/{hnic}/connect_network',
		action: 'headnode.change',
		summary: 'Attach a NIC of a headnode to a network',
		body: { network: reference },
		verb: headnodes.connectHnic,
	}),
	changes('POST', {
		path: '/headnode/{headnode}/hnic/{hnic}/detach_network',
		action: 'headnode.change',
		summary: 'Take a NIC of a headnode off its network',
		verb: headnodes.detachHnic,
	}),
];
