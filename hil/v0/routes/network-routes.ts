import { showAction } from '../../core/actions.ts';
import * as networks from '../../core/networks.ts';
import { reference } from '../../model/label.ts';
import { obmActions } from '../../model/obm-action.ts';
import { refreshObm } from '../obm-calls.ts';
import { changes, type HilRoute, reads } from '../route.ts';
import * as views from '../views.ts';

/** Networks, who may use them, and queued actions. */
export const networkRoutes: readonly HilRoute[] = [
	reads({
		path: '/networks',
		action: 'network.list',
		summary: 'All networks for administrators, public ones for others',
		answer: views.networkList,
		verb: networks.listNetworks,
	}),
	changes('PUT', {
		path: '/network/{network}',
		action: 'network.create',
		summary: 'Create a network',
		body: { owner: reference, access: reference, net_id: reference },
		verb: networks.createNetwork,
	}),
	changes('DELETE', {
		path: '/network/{network}',
		action: 'network.delete',
		summary: 'Delete a network that nothing is attached to',
		verb: networks.deleteNetwork,
	}),
	reads({
		path: '/network/{network}',
		action: 'network.show',
		summary: 'A network, its channels, who may use it and what of the own is attached',
		answer: views.network,
		verb: networks.showNetwork,
	}),
	reads({
		path: '/network/{network}/attachments',
		action: 'network.list-attachments',
		summary: 'What is attached to a network, of one project or of all',
		body: { project: reference.optional() },
		answer: views.attachmentList,
		verb: networks.listAttachments,
	}),
	changes('PUT', {
		path: '/network/{network}/access/{project}',
		action: 'network.grant',
		summary: 'Give a project access to a network',
		verb: networks.grantAccess,
	}),
	changes('DELETE', {
		path: '/network/{network}/access/{project}',
		action: 'network.revoke',
		summary: 'Take access to a network from a project',
		verb: networks.revokeAccess,
	}),
	reads({
		path: '/networking_action/{id}',
		action: 'action.show',
		summary: 'How a queued action gets on',
		answer: views.action,
		verb: async (tx, args: { id: string }) => ({
			shown: await showAction(tx, args),
			waiting: await tx.get(obmActions, args.id),
		}),
		after: async ({ shown, waiting }, deps, args) => {
			if (waiting?.status !== 'PENDING') return shown;
			await refreshObm(deps, args.id, waiting);
			return deps.store.read(tx => showAction(tx, args));
		},
	}),
];
