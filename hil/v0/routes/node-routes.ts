import { z } from 'zod';
import { connectNetwork, detachNetwork } from '../../core/connections.ts';
import { deleteMetadata, setMetadata } from '../../core/metadata.ts';
import * as nodes from '../../core/nodes.ts';
import { reference } from '../../model/label.ts';
import { changes, type HilRoute, reads } from '../route.ts';
import * as views from '../views.ts';

import { queued } from './queued.ts';

/** Nodes, their NICs, networks and metadata. */
export const nodeRoutes: readonly HilRoute[] = [
	reads({
		path: '/nodes/{pool}',
		action: 'node.list',
		summary: 'Free nodes (`free`), or all',
		answer: views.names,
		verb: nodes.listNodes,
	}),
	reads({
		path: '/node/{node}',
		action: 'node.show',
		summary: 'A node, its NICs, their networks and its metadata',
		answer: views.node,
		verb: nodes.showNode,
	}),
	changes('PUT', {
		path: '/node/{node}',
		action: 'node.register',
		summary: 'Record a node',
		body: {
			obmd: z.strictObject({ uri: z.string(), admin_token: z.string() }),
			metadata: z.record(reference, z.json()).optional(),
		},
		verb: nodes.registerNode,
	}),
	changes('DELETE', {
		path: '/node/{node}',
		action: 'node.delete',
		summary: 'Forget a node',
		verb: nodes.deleteNode,
	}),
	changes('PUT', {
		path: '/node/{node}/nic/{nic}',
		action: 'node.register-nic',
		summary: 'Record a NIC of a node',
		body: { macaddr: z.string().max(128) },
		verb: nodes.registerNic,
	}),
	changes('DELETE', {
		path: '/node/{node}/nic/{nic}',
		action: 'node.delete-nic',
		summary: 'Forget a NIC',
		verb: nodes.deleteNic,
	}),
	changes('POST', {
		path: '/node/{node}/nic/{nic}/connect_network',
		action: 'node.connect-network',
		summary: 'Attach a network to a NIC: queued',
		body: { network: reference, channel: reference.nullish() },
		answer: views.queued,
		status: 202,
		verb: connectNetwork,
		after: queued,
	}),
	changes('POST', {
		path: '/node/{node}/nic/{nic}/detach_network',
		action: 'node.detach-network',
		summary: 'Take a network off a NIC: queued',
		body: { network: reference },
		answer: views.queued,
		status: 202,
		verb: detachNetwork,
		after: queued,
	}),
	changes('PUT', {
		path: '/node/{node}/metadata/{label}',
		action: 'node.set-metadata',
		summary: 'Set a piece of metadata',
		body: { value: z.json() },
		verb: setMetadata,
	}),
	changes('DELETE', {
		path: '/node/{node}/metadata/{label}',
		action: 'node.delete-metadata',
		summary: 'Delete a piece of metadata',
		verb: deleteMetadata,
	}),
];
