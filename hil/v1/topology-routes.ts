import { z } from 'zod';
import { showPorts, showTopology } from '../core/topology.ts';
import { reference } from '../model/label.ts';
import { type HilRoute, reads } from '../v0/route.ts';
import * as views from './views.ts';

const page = {
	limit: z.coerce.number().int().min(1).max(1000).optional(),
	after: reference.optional(),
};

/** Who is connected to what. */
export const topologyRoutes: readonly HilRoute[] = [
	reads({
		path: '/topology',
		action: 'topology.show',
		summary:
			'The NICs of the own nodes, of one project or of one node, and their networks; with switch and port for those who are told',
		body: { ...page, project: reference.optional(), node: reference.optional() },
		answer: views.topology,
		verb: showTopology,
	}),
	reads({
		path: '/switch/{switch}/ports',
		action: 'switch.list-ports',
		summary: 'The ports of a switch: what is plugged in, whose it is, and what they carry',
		body: page,
		answer: views.ports,
		verb: showPorts,
	}),
];
