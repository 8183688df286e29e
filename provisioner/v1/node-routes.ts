import { z } from 'zod';
import { beginDisk, claimDisk } from '../core/disks.ts';
import { findBooting, listNodes, showNode } from '../core/nodes.ts';
import { provisionerErrors } from '../errors.ts';
import { bootings } from '../model/booting.ts';
import { hilName, name, reference } from '../model/names.ts';
import { findNics } from '../node/find-nics.ts';
import type { ProvisionInput } from '../node/stages.ts';
import { begins, type ProvisionerRoute, reads } from './route.ts';
import * as views from './views.ts';

/** RFC 1123 section 2.1. */
const hostname = z
	.string()
	.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/);
const publicKey = z
	.string()
	.regex(/^(ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/=]+( [^\n]*)?$/, 'expected a public SSH key');

export const nodeRoutes = (): readonly ProvisionerRoute[] => [
	reads({
		path: '/networks',
		action: 'network.list',
		summary: 'Provisioning networks: what nodes boot on, and what images for them must trust',
		answer: views.networks,
		verb: async () => undefined,
		after: (_result, { networks }) => ({
			networks: [...networks.values()].map(({ network, authority }) => ({ network, authority })),
		}),
	}),
	reads({
		path: '/nodes',
		action: 'node.list',
		summary: "Nodes of the asker's projects that boot from disks here",
		answer: views.nodes,
		verb: async (tx, args, world) => ({ nodes: await listNodes(tx, args, world) }),
	}),
	reads({
		path: '/nodes/{node}',
		action: 'node.show',
		summary: 'What a node boots from',
		answer: views.node,
		verb: showNode,
	}),
	begins('POST', {
		path: '/nodes/{node}/provision',
		action: 'node.provision',
		summary: 'Boot a node from a disk: a saved one, or a new clone of an image',
		body: {
			project: hilName,
			/** Of a new disk: what it is cloned from. */
			image: reference.optional(),
			/** The disk: a saved one, or the name of the new one (the node's when absent). */
			disk: reference.optional(),
			/** Saved disks that it has besides, as LUN 2 and so on. */
			beside: z.array(reference).max(7).default([]),
			nic: hilName.optional(),
			network: hilName.optional(),
			/** Instead: several NICs, each on a provisioning network of its own. The disk is reached by all of them. */
			nics: z
				.array(z.strictObject({ nic: hilName, network: hilName }))
				.min(1)
				.max(4)
				.optional(),
			hostname: hostname.optional(),
			keys: z.array(publicKey).max(100).default([]),
			userData: z
				.string()
				.max(64 * 1024)
				.optional(),
		},
		prepare: async ({ nodes, networks, seal }, { node, nic, network, nics, userData, project }) => {
			if (nics && (nic ?? network) !== undefined)
				throw provisionerErrors.NameRefused('Name NICs in `nics`, or one in `nic` and `network`.');
			const wanted = nics ?? [{ nic, network }];
			const [first, ...further] = await findNics({ nodes, networks }, { node, project, wanted });
			if (!first) throw new Error('one NIC at least was asked for');
			return { ...first, further, userData: userData === undefined ? null : seal(userData) };
		},
		verb: async (tx, args, world, ask, prepared) => {
			const { node, project, image, disk, beside, keys } = args;
			const is = await tx.get(bootings, node);
			if (is && is.project !== project) {
				throw provisionerErrors.NotReady(
					`Node ${node} is being taken off the disk of the project that had it: try again in a few seconds.`,
				);
			}
			if (is) {
				throw provisionerErrors.InUse(`Node ${node} boots from a disk already: deprovision it first.`);
			}
			const input = { ...prepared, hostname: args.hostname ?? hostnameOf(node), keys };
			const begin = async (id: string, from: string | null) => {
				const further: string[] = [];
				for (const each of beside) further.push(await claimDisk(tx, { disk: each, node }, world));
				return ask({
					kind: 'node.provision',
					project,
					node,
					disk: id,
					input: { ...input, image: from, beside: further } satisfies ProvisionInput,
				});
			};
			if (image === undefined) {
				if (disk === undefined)
					throw provisionerErrors.NotThere('Say which image or which disk it boots from.');
				const id = await claimDisk(tx, { disk, node }, world);
				return begin(id, null);
			}
			const fresh = name.safeParse(disk ?? hostnameOf(node));
			if (!fresh.success) throw provisionerErrors.NameRefused(`A disk cannot be called ${disk ?? node}.`);
			const made = await beginDisk(tx, { project, name: fresh.data, image, node }, world);
			return begin(made.id, made.image);
		},
	}),
	begins('POST', {
		path: '/nodes/{node}/deprovision',
		action: 'node.deprovision',
		summary: 'Turn a node off and take it off its disk, which is saved',
		verb: async (tx, args, _world, ask) => {
			const { project, disks, node } = await findBooting(tx, args);
			return ask({ kind: 'node.deprovision', project, node, disk: disks[0] ?? null });
		},
	}),
];

/** As close to the node's name as a host name can be. */
const hostnameOf = (node: string): string =>
	node
		.toLowerCase()
		.replace(/[^a-z0-9-]+/g, '-')
		.replace(/^-+|-+$/g, '')
		.slice(0, 63) || 'node';
