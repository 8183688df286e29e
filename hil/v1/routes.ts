import { z } from 'zod';
import { showErrors } from '../core/actions.ts';
import { releaseNode, showDeparture } from '../core/departures.ts';
import { listPorts } from '../core/drift.ts';
import { setLease } from '../core/leases.ts';
import { openFor } from '../core/obm-actions.ts';
import { listPending } from '../core/pending.ts';
import { setQuota, showProject } from '../core/quotas.ts';
import { searchNodes } from '../core/search.ts';
import { listSwitchHealth, showSwitchHealth } from '../core/switch-health.ts';
import { changeSwitch } from '../core/switch-settings.ts';
import { reference } from '../model/label.ts';
import { withDescription } from '../v0/describe-api.ts';
import { refreshObm } from '../v0/obm-calls.ts';
import { changes, type HilRoute, reads } from '../v0/route.ts';
import { queued } from '../v0/views.ts';
import { onceEnded, waitFor } from './await-ending.ts';
import { changeRoutes } from './change-routes.ts';
import { topologyRoutes } from './topology-routes.ts';
import * as views from './views.ts';

const quota = z.int().min(0).nullable();

/** What goes beyond HIL's interface. */
export function v1Routes(): readonly HilRoute[] {
	const own: HilRoute[] = [
		reads({
			path: '/me',
			action: 'me.show',
			summary: 'Who asks: name, rights and projects',
			answer: views.me,
			verb: async (_tx, _args: object, { actor }) => ({
				name: actor.name,
				is_admin: actor.isAdmin,
				projects: [...actor.projects].sort(),
			}),
		}),
		reads({
			path: '/nodes',
			action: 'node.search',
			summary: 'Free nodes and those of the own projects, by a query on their metadata',
			body: {
				where: z.string().max(2000).optional(),
				free: z.enum(['true', 'false']).optional(),
				limit: z.coerce.number().int().min(1).max(1000).optional(),
				after: reference.optional(),
			},
			answer: views.foundNodes,
			verb: searchNodes,
		}),
		reads({
			path: '/action/{id}',
			action: 'action.show',
			summary:
				'A queued action with how often it was tried and what went wrong last; `wait` answers when it has ended, or after so many ms',
			body: { wait: waitFor },
			answer: views.action,
			verb: showErrors,
			after: (view, deps, { id, wait }) => onceEnded(deps, id, wait, view, tx => showErrors(tx, { id })),
		}),
		reads({
			path: '/switches',
			action: 'switch.list',
			summary:
				'All switches: whether they answer, what waits for them, what went wrong last, and the last look',
			answer: views.switches,
			verb: listSwitchHealth,
			after: (found, { workers }) => ({
				switches: found.map(each => views.switchOf(each, workers.state(each.name))),
			}),
		}),
		reads({
			path: '/switch/{switch}',
			action: 'switch.show',
			summary: 'The same of one switch, with the ports that did not carry what is recorded at the last look',
			answer: views.switchWithDrift,
			verb: showSwitchHealth,
			after: (found, { workers }) => ({
				...views.switchOf(found, workers.state(found.name)),
				drifted: found.check?.drifted ?? [],
			}),
		}),
		changes('PUT', {
			path: '/switch/{switch}',
			action: 'switch.change',
			summary:
				'Change how a switch is reached, or put another device in its place; its ports stay as recorded',
			body: { type: z.string() },
			isLoose: true,
			verb: changeSwitch,
			after: (_result, { workers }, of) => workers.renew(of.switch),
		}),
		reads({
			path: '/switch/{switch}/drift',
			action: 'switch.inspect',
			summary:
				'Ports that carry something else than what is recorded; ports that are just being changed are left out',
			answer: views.drift,
			verb: listPorts,
			after: async (_result, { workers }, of) => ({
				ports: (await workers.inspect(of.switch, false)).drifted,
			}),
		}),
		changes('POST', {
			path: '/switch/{switch}/repair',
			action: 'switch.repair',
			summary: 'Put right what differs from what is recorded',
			answer: views.drift,
			verb: listPorts,
			after: async (_result, { workers }, of) => ({
				ports: (await workers.inspect(of.switch, true)).drifted,
			}),
		}),
		reads({
			path: '/project/{project}',
			action: 'project.show',
			summary: 'What a project has, may have, and until when',
			answer: views.project,
			verb: showProject,
		}),
		changes('PUT', {
			path: '/project/{project}/quota',
			action: 'project.set-quota',
			summary: 'How many nodes, and networks of its own, a project may have; null: as many as there are',
			body: { nodes: quota, networks: quota },
			verb: setQuota,
		}),
		reads({
			path: '/node/{node}/pending',
			action: 'node.list-pending',
			summary: 'What was asked of a node and has not ended: changes of ports, management, its leaving',
			answer: views.pending,
			verb: async (tx, of: { node: string }) => ({
				shown: await listPending(tx, of),
				waiting: (await openFor(tx, of.node)).filter(({ document }) => document.request !== null),
			}),
			// What waited may have been decided on since anybody looked; while nobody can tell, it is what it was.
			after: async ({ shown, waiting }, deps, of) => {
				for (const { id, document } of waiting) await refreshObm(deps, id, document).catch(() => undefined);
				return waiting.length === 0 ? shown : deps.store.read(tx => listPending(tx, of));
			},
		}),
		changes('PUT', {
			path: '/node/{node}/lease',
			action: 'node.set-lease',
			summary: 'When a node is released from its project; null: when somebody asks for it',
			body: { until: z.iso.datetime({ offset: true }).nullable() },
			verb: setLease,
			after: (_result, { leases }) => leases.wake(),
		}),
		changes('POST', {
			path: '/project/{project}/release_node',
			action: 'node.release',
			summary: 'Take a node from the project: off, its ports clear, its boot device reset, then free',
			body: { node: reference },
			answer: queued,
			status: 202,
			verb: releaseNode,
			after: ({ id, node }, deps) => {
				deps.consoles.end(node);
				deps.departures.wake(id);
				return { status_id: id };
			},
		}),
		reads({
			path: '/departure/{id}',
			action: 'action.show',
			summary: 'How a node gets on that is leaving its project',
			answer: views.departure,
			verb: showDeparture,
		}),
	];
	return withDescription('/v1', [...own, ...topologyRoutes, ...changeRoutes()]);
}
