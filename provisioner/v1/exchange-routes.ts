import { z } from 'zod';
import { assertNameFree, beginDisk, findFreeDisk, nameOf, noteSuspended } from '../core/disks.ts';
import { findBooting } from '../core/nodes.ts';
import type { World } from '../core/world.ts';
import { provisionerErrors } from '../errors.ts';
import { type Booting, nicsOf } from '../model/booting.ts';
import { hilName, name, reference } from '../model/names.ts';
import type { ExchangeInput } from '../node/exchange-stages.ts';
import type { MoveInput } from '../node/move-stages.ts';
import type { ProvisionInput } from '../node/stages.ts';
import { type Ask, begins, type ProvisionerRoute } from './route.ts';

/** Properties of hil's that make nodes be of one kind, as far as a node has them. */
const kindLabels = ['model', 'cpu', 'cores', 'ram', 'gpu'] as const;

/** What a node goes over to while it is its project's, and how it is saved and made again. */
export const exchangeRoutes = (): readonly ProvisionerRoute[] => [
	begins('POST', {
		path: '/nodes/{node}/reprovision',
		action: 'node.reprovision',
		summary:
			'Boot a node from a new clone of an image; the disk that it booted from is saved, or deleted, and those beside it stay',
		body: { image: reference, disk: name.optional(), discard: z.boolean().default(false) },
		verb: async (tx, args, world, ask) => {
			const is = await findBooting(tx, args);
			refuseRescued(is);
			const fresh = await beginDisk(
				tx,
				{
					project: is.project,
					name: args.disk ?? `${is.hostname}-${stamp(world)}`,
					image: args.image,
					node: is.node,
				},
				world,
			);
			const [booted = '', ...beside] = is.disks;
			const discard = args.discard ? [booted] : [];
			const disks = [fresh.id, ...beside];
			return exchange(ask, is, { image: fresh.image, disks, rescued: null, discard });
		},
	}),
	begins('POST', {
		path: '/nodes/{node}/rescue',
		action: 'node.rescue',
		summary: 'Boot a node from a rescue image, its own disks beside it as LUN 2 and so on',
		body: { image: reference },
		verb: async (tx, args, world, ask) => {
			const is = await findBooting(tx, args);
			refuseRescued(is);
			const wanted = {
				project: is.project,
				name: `rescue-${is.hostname}`.slice(0, 63),
				image: args.image,
				node: is.node,
			};
			const rescue = await beginDisk(tx, wanted, world);
			const disks = [rescue.id, ...is.disks];
			return exchange(ask, is, { image: rescue.image, disks, rescued: [...is.disks], discard: [] });
		},
	}),
	begins('POST', {
		path: '/nodes/{node}/end-rescue',
		action: 'node.rescue',
		summary: 'Boot a node from its own disks again; the rescue disk is deleted',
		verb: async (tx, args, _world, ask) => {
			const is = await findBooting(tx, args);
			const { rescued, disks } = is;
			if (!rescued) throw provisionerErrors.InUse(`Node ${is.node} is not being rescued.`);
			const discard = disks.filter(id => !rescued.includes(id));
			return exchange(ask, is, { image: null, disks: [...rescued], rescued: null, discard });
		},
	}),
	begins('POST', {
		path: '/nodes/{node}/suspend',
		action: 'node.suspend',
		summary: 'Save a node: turn it off, keep its disk, and let it leave its project',
		prepare: async ({ nodes }, { node }) => {
			const properties = await nodes.propertiesOf(node);
			const known = kindLabels.filter(label => ['string', 'number'].includes(typeof properties[label]));
			return known.map(label => `${label} = ${JSON.stringify(properties[label])}`).join(' and ');
		},
		verb: async (tx, args, _world, ask, where) => {
			const is = await findBooting(tx, args);
			refuseSeveral(is);
			const { network, hostname, keys, userData, project, node, disks, further } = is;
			const nics =
				further.length === 0 ? [] : nicsOf(is).map(({ nic, network: on }) => ({ nic, network: on }));
			const [disk = ''] = disks;
			await noteSuspended(tx, disk, { where, network, nics, hostname, keys, userData });
			return ask({ kind: 'node.suspend', project, node, disk });
		},
	}),
	begins('POST', {
		path: '/nodes/{node}/move',
		action: 'node.move',
		summary:
			'Give a node to another project with its disk, from which it boots there; for members of both projects',
		body: { project: hilName, disk: name.optional(), network: hilName.optional() },
		prepare: async ({ nodes, networks, store }, { node, project, network }) => {
			const is = await store.read(tx => findBooting(tx, { node }));
			// Another network is for one NIC alone.
			const further = network === undefined ? is.further : [];
			const to = network ?? is.network;
			for (const each of [to, ...further.map(nic => nic.network)]) {
				if (!networks.has(each))
					throw provisionerErrors.NotThere(`There is no provisioning network ${each}.`);
				if (!(await nodes.admits(project, each)))
					throw provisionerErrors.Forbidden(
						`Project ${project} has no access to network ${each}: name one that it has.`,
					);
			}
			return { network: to, further };
		},
		verb: async (tx, args, _world, ask, to) => {
			const is = await findBooting(tx, args);
			refuseSeveral(is);
			const { project, node, nic, mac, hostname, keys, userData, disks } = is;
			const [disk = ''] = disks;
			const { project: owner } = args;
			if (owner === project) throw provisionerErrors.InUse(`Node ${node} is in project ${owner} already.`);
			const diskName = args.disk ?? (await nameOf(tx, disk));
			await assertNameFree(tx, owner, diskName);
			const booting = { image: null, beside: [], nic, mac, ...to, hostname, keys, userData };
			const input = { ...booting, owner, diskName } satisfies ProvisionInput & MoveInput;
			return ask({ kind: 'node.move', project, node, disk, input });
		},
	}),
	begins('POST', {
		path: '/disks/{disk}/resume',
		action: 'disk.resume',
		summary:
			'Boot a free node of the same kind from a suspended disk, as the node that it was of; or `node`, a free or own one',
		body: {
			where: z.string().max(2000).optional(),
			network: hilName.optional(),
			node: hilName.optional(),
		},
		verb: async (tx, args, world, ask) => {
			const { id, document } = await findFreeDisk(tx, args, world);
			const { suspended, project } = document;
			if (!suspended)
				throw provisionerErrors.NotReady('This disk was not suspended: provision a node with it.');
			const { hostname, keys, userData } = suspended;
			const input = {
				image: null,
				hostname,
				keys,
				userData,
				where: args.where ?? suspended.where,
				network: args.network ?? suspended.network,
				// Another network is for one NIC alone.
				nics: args.network === undefined ? suspended.nics : [],
				on: args.node ?? null,
			};
			return ask({ kind: 'node.resume', project, disk: id, node: args.node ?? null, input });
		},
	}),
];

const exchange = (ask: Ask, { project, node }: Booting, input: ExchangeInput): Promise<string> =>
	ask({ kind: 'node.exchange', project, node, disk: input.disks[0] ?? null, input });

function refuseRescued({ node, rescued }: Booting): void {
	if (rescued) throw provisionerErrors.InUse(`Node ${node} is being rescued: end that first.`);
}

/** What a node is saved as, or taken to another project with, is one disk. */
function refuseSeveral(is: Booting): void {
	refuseRescued(is);
	if (is.disks.length > 1)
		throw provisionerErrors.InUse(
			`Node ${is.node} has disks beside the one that it boots from: deprovision it.`,
		);
}

/** A name for another disk of the same node: seconds, in few letters. */
const stamp = ({ now }: World): string => Math.floor(now / 1000).toString(36);
