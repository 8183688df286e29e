import { z } from 'zod';
import type { Transaction } from '../../../common/store/store.ts';
import * as nodes from '../../core/nodes.ts';
import { beginObm, useObm } from '../../core/obm-actions.ts';
import type { World } from '../../core/world.ts';
import { hilErrors } from '../../errors.ts';
import { bootDevices } from '../../obm/obm.ts';
import { carryOutObm, streamConsole, withdrawAll } from '../obm-calls.ts';
import { changes, type HilRoute, reads } from '../route.ts';
import * as views from '../views.ts';

/** Out-of-band management. */
export function obmRoutes(): readonly HilRoute[] {
	const begin =
		(type: string) =>
		(tx: Transaction, { node }: { node: string }, world: World) =>
			beginObm(tx, { node, type }, world);
	const power = (type: 'power_on' | 'power_off', change: 'on' | 'off', summary: string) =>
		changes('POST', {
			path: `/node/{node}/${type}`,
			action: 'node.power',
			summary,
			mayWait: true,
			verb: begin(type),
			after: (begun, deps) => carryOutObm(deps, begun, obm => obm.power(begun.uri, change)),
		});
	return [
		changes('PUT', {
			path: '/node/{node}/obm',
			action: 'node.set-obm',
			summary: "Let the node's project manage it, or end that and withdraw what waits",
			body: { enabled: z.boolean() },
			verb: nodes.setObm,
			after: async (_result, deps, { node, enabled }) => {
				if (enabled) return;
				deps.consoles.end(node);
				await withdrawAll(deps, node);
			},
		}),
		power('power_on', 'on', 'Power a node on'),
		power('power_off', 'off', 'Power a node off, at once'),
		changes('POST', {
			path: '/node/{node}/power_cycle',
			action: 'node.power',
			summary: 'Restart a node, or power it on; `force` does not ask its system',
			body: { force: z.boolean().optional() },
			mayWait: true,
			verb: begin('power_cycle'),
			after: (begun, deps, { force }) =>
				carryOutObm(deps, begun, obm => obm.power(begun.uri, force ? 'force-cycle' : 'cycle')),
		}),
		changes('PUT', {
			path: '/node/{node}/boot_device',
			action: 'node.boot-device',
			summary: `What a node boots from: ${bootDevices.join(', ')}`,
			body: { bootdev: z.string() },
			mayWait: true,
			verb: async (tx: Transaction, args: { node: string; bootdev: string }, world: World) => {
				const device = bootDevices.find(each => each === args.bootdev);
				if (!device) throw hilErrors.BadArgumentError(`A node boots from ${bootDevices.join(', ')}.`);
				return { ...(await begin('boot_device')(tx, args, world)), device };
			},
			after: (begun, deps) => carryOutObm(deps, begun, obm => obm.setBootDevice(begun.uri, begun.device)),
		}),
		reads({
			path: '/node/{node}/power_status',
			action: 'node.power-status',
			summary: 'Whether a node is powered',
			answer: views.powerStatus,
			verb: useObm,
			after: async ({ uri }, { obm }) => ({ power_status: (await obm.state(uri)).power }),
		}),
		changes('GET', {
			path: '/node/{node}/console',
			action: 'node.console',
			summary: 'What the serial console shows from now on, streamed; ends the reader before',
			answer: z.string(),
			mayWait: true,
			verb: begin('console'),
			after: (begun, deps) => streamConsole(deps, begun),
		}),
	];
}
