import { z } from 'zod';
import * as switches from '../../core/switches.ts';
import { reference } from '../../model/label.ts';
import { changes, type HilRoute, reads } from '../route.ts';
import * as views from '../views.ts';

import { queued } from './queued.ts';

/** Switches and their ports. */
export const switchRoutes: readonly HilRoute[] = [
	reads({
		path: '/switches',
		action: 'switch.list',
		summary: 'All switches',
		answer: views.names,
		verb: switches.listSwitches,
	}),
	changes('PUT', {
		path: '/switch/{switch}',
		action: 'switch.register',
		summary: 'Record a switch: its type, and what its driver needs',
		body: { type: z.string() },
		isLoose: true,
		verb: switches.registerSwitch,
		// From now on it is looked at time and again.
		after: (_result, { workers }, of) => workers.wake(of.switch),
	}),
	changes('DELETE', {
		path: '/switch/{switch}',
		action: 'switch.delete',
		summary: 'Forget a switch without ports',
		verb: switches.deleteSwitch,
		after: (_result, { workers }, of) => workers.forget(of.switch),
	}),
	reads({
		path: '/switch/{switch}',
		action: 'switch.show',
		summary: 'A switch, its ports and capabilities',
		answer: views.device,
		verb: switches.showSwitch,
	}),
	changes('POST', {
		path: '/switch/{switch}/port/{port...}/connect_nic',
		action: 'port.connect-nic',
		summary: 'Record which NIC is in a port',
		body: { node: reference, nic: reference },
		verb: switches.connectNic,
	}),
	changes('POST', {
		path: '/switch/{switch}/port/{port...}/detach_nic',
		action: 'port.detach-nic',
		summary: 'Record that a port is empty',
		verb: switches.detachNic,
	}),
	changes('POST', {
		path: '/switch/{switch}/port/{port...}/revert',
		action: 'port.revert',
		summary: 'Take a port off all networks: queued',
		answer: views.queued,
		verb: switches.revertPort,
		after: queued,
	}),
	changes('PUT', {
		path: '/switch/{switch}/port/{port...}',
		action: 'port.register',
		summary: 'Record a port',
		verb: switches.registerPort,
	}),
	changes('DELETE', {
		path: '/switch/{switch}/port/{port...}',
		action: 'port.delete',
		summary: 'Forget an empty port',
		verb: switches.deletePort,
	}),
	reads({
		path: '/switch/{switch}/port/{port...}',
		action: 'port.show',
		summary: 'The NIC in a port, and its networks',
		answer: views.port,
		verb: switches.showPort,
	}),
];
