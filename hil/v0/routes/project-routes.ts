import { giveBackNode } from '../../core/departures.ts';
import * as projects from '../../core/projects.ts';
import { reference } from '../../model/label.ts';
import { changes, type HilRoute, reads } from '../route.ts';
import * as views from '../views.ts';

/** Projects and the nodes in them. */
export const projectRoutes: readonly HilRoute[] = [
	reads({
		path: '/projects',
		action: 'project.list',
		summary: 'All projects',
		answer: views.names,
		verb: projects.listProjects,
	}),
	changes('PUT', {
		path: '/project/{project}',
		action: 'project.create',
		summary: 'Create a project',
		verb: projects.createProject,
	}),
	changes('DELETE', {
		path: '/project/{project}',
		action: 'project.delete',
		summary: 'Delete a project that has nothing left',
		verb: projects.deleteProject,
	}),
	changes('POST', {
		path: '/project/{project}/connect_node',
		action: 'project.connect-node',
		summary: 'Give a free node to the project',
		body: { node: reference },
		verb: projects.connectNode,
	}),
	changes('POST', {
		path: '/project/{project}/detach_node',
		action: 'project.detach-node',
		summary: 'Take a node from the project; where the site says so it is switched off before it is free',
		body: { node: reference },
		verb: giveBackNode,
		after: (departure, { departures, wakeMaintenance }) => {
			if (departure) departures.wake(departure.id);
			else wakeMaintenance();
		},
	}),
	reads({
		path: '/project/{project}/nodes',
		action: 'project.list-nodes',
		summary: 'Nodes of the project',
		answer: views.names,
		verb: projects.listProjectNodes,
	}),
	reads({
		path: '/project/{project}/networks',
		action: 'project.list-networks',
		summary: 'Networks that the project was given access to',
		answer: views.names,
		verb: projects.listProjectNetworks,
	}),
	reads({
		path: '/project/{project}/headnodes',
		action: 'project.list-headnodes',
		summary: 'Headnodes of the project',
		answer: views.names,
		verb: projects.listProjectHeadnodes,
	}),
];
