import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Clock, pause } from '../../common/clock.ts';
import { completeDisk, forgetDisk, freeDisk } from '../core/disks.ts';
import { provisionerErrors } from '../errors.ts';
import { type Booting, bootings } from '../model/booting.ts';
import type { Kind, Stage, StageContext } from '../operation/kind.ts';
import type { NodeAtHil } from './node-at-hil.ts';
import { plainName } from './plain-name.ts';
import { networkOf, type ServeDeps, serveDisk, tellNode, withdrawDisk } from './serve-node.ts';

export interface NodeKindDeps extends ServeDeps {
	readonly nodes: NodeAtHil;
	readonly seal: (text: string) => string;
	readonly clock: Clock;
	/** `iqn.2026-11.org.example:` names targets and initiators; RFC 7143 section 4.2.7.3.1. */
	readonly iqnPrefix: string;
}

/** What a node is provisioned with. */
export const provisionInput = z.strictObject({
	/** What the disk is cloned from; null: it is there already. */
	image: z.string().nullable(),
	nic: z.string(),
	mac: z.string(),
	network: z.string(),
	hostname: z.string(),
	keys: z.array(z.string()),
	/** Sealed. */
	userData: z.string().nullable(),
});
export type ProvisionInput = z.output<typeof provisionInput>;

/** Milliseconds for a node to come to its disk after power-on, and between two looks. */
const patience = 20 * 60_000;
const look = 1000;

/** Nodes: what is done to have them boot from disks, and not any more. */
export function nodeKinds(deps: NodeKindDeps): Readonly<Record<string, Kind>> {
	const { store, storage, nodes, clock } = deps;
	const subject = ({ operation }: StageContext): { node: string; disk: string; project: string } => {
		const { node, disk, project } = operation;
		if (node === null || disk === null) throw new Error('an operation on a node names node and disk');
		return { node, disk, project };
	};
	const inputOf = ({ operation }: StageContext): ProvisionInput => provisionInput.parse(operation.input);
	const bootingOf = async (context: StageContext): Promise<Booting | undefined> =>
		store.read(tx => tx.get(bootings, subject(context).node));

	const disk: Stage = {
		name: 'disk',
		async run(context) {
			const { image } = inputOf(context);
			const { disk: id } = subject(context);
			if (image === null) return;
			await storage.create(id, { from: 'image', image }, { signal: context.signal });
			await store.transact(tx => completeDisk(tx, id));
		},
		async undo(context) {
			const { disk: id } = subject(context);
			if (inputOf(context).image === null) return store.transact(tx => freeDisk(tx, id));
			await storage.remove(id);
			await store.transact(tx => forgetDisk(tx, id));
		},
	};
	const network: Stage = {
		name: 'network',
		async run(context) {
			const { nic, network: to } = inputOf(context);
			await nodes.attach(subject(context).node, nic, to);
		},
		// It came here unattached, or attached to this very network: off it is safe either way.
		async undo(context) {
			const { nic, network: from } = inputOf(context);
			await nodes.detach(subject(context).node, nic, from);
		},
	};
	const target: Stage = {
		name: 'target',
		async run(context) {
			const { node, disk: id, project } = subject(context);
			const { image: _, ...input } = inputOf(context);
			const booting = await store.transact(async tx => {
				const known = await tx.get(bootings, node);
				if (known?.disk === id) return known;
				if (known) throw provisionerErrors.InUse(`Node ${node} boots from another disk.`);
				const fresh: Booting = {
					...input,
					node,
					project,
					disk: id,
					iqn: `${deps.iqnPrefix}disk.${id}`,
					initiator: `${deps.iqnPrefix}node.${plainName(node)}`,
					chap: deps.seal(secret()),
					since: clock.now(),
				};
				await tx.insert(bootings, node, fresh);
				return fresh;
			});
			await serveDisk(deps, booting);
		},
		undo: context => forget(context),
	};
	const boot: Stage = {
		name: 'boot',
		async run(context) {
			const booting = await bootingOf(context);
			if (booting) await tellNode(deps, booting);
		},
		async undo(context) {
			const { network: at, mac } = inputOf(context);
			await networkOf(deps, at).remove(mac);
		},
	};
	const power: Stage = {
		name: 'power',
		run: context => nodes.bootFromNetwork(subject(context).node, context.signal),
		undo: context => nodes.turnOff(subject(context).node, context.signal),
	};
	const login: Stage = {
		name: 'login',
		async run(context) {
			const booting = await bootingOf(context);
			if (!booting) throw new Error('the node is not served any more');
			const { targets } = networkOf(deps, booting.network);
			for (const until = clock.elapsed() + patience; ; ) {
				const sessions = await targets.sessions(booting.iqn);
				if (sessions.some(({ initiator }) => initiator === booting.initiator)) return;
				if (clock.elapsed() > until) {
					throw provisionerErrors.Cancelled(
						`Node ${booting.node} has not come to its disk in ${patience / 60_000} minutes: its console may say why.`,
					);
				}
				await pause(clock, look, context.signal);
			}
		},
	};

	async function forget(context: StageContext): Promise<void> {
		const booting = await bootingOf(context);
		if (!booting || booting.disk !== subject(context).disk) return;
		await withdrawDisk(deps, booting);
		await store.transact(async tx => void (await tx.delete(bootings, booting.node)));
	}

	/** What takes a node off its disk, in the order in which nothing is lost; the disk is kept. */
	const leave: readonly Stage[] = [
		{ name: 'power', run: context => nodes.turnOff(subject(context).node, context.signal) },
		{
			name: 'boot',
			async run(context) {
				const booting = await bootingOf(context);
				if (booting) await networkOf(deps, booting.network).remove(booting.mac);
			},
		},
		{
			name: 'network',
			async run(context) {
				const booting = await bootingOf(context);
				if (booting) await nodes.detach(booting.node, booting.nic, booting.network);
			},
		},
		{
			name: 'target',
			async run(context) {
				await forget(context);
				await store.transact(tx => freeDisk(tx, subject(context).disk));
			},
		},
	];

	return {
		/** `node` boots from `disk`, cloned for it or there already. */
		'node.provision': { stages: [disk, network, target, boot, power, login] },
		/** `node` is off and its disk saved: tried for as long as it takes. */
		'node.deprovision': { stages: leave, neverGivesUp: true },
	};
}

/** 20 letters and digits: 119 bits, within the 16 bytes and more that every initiator takes. */
const secret = (): string =>
	randomBytes(15).toString('base64').replaceAll('+', 'x').replaceAll('/', 'y').slice(0, 20);
