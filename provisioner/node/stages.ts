import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Clock, pause } from '../../common/clock.ts';
import type { BootEvent } from '../boot/boot-network.ts';
import { claimFor, completeDisk, forgetDisk, freeDisk } from '../core/disks.ts';
import { provisionerErrors } from '../errors.ts';
import { type Booting, bootings, furtherNic, nicsOf } from '../model/booting.ts';
import type { Stage, StageContext } from '../operation/kind.ts';
import type { NodeAtHil } from './node-at-hil.ts';
import { plainName } from './plain-name.ts';
import { networkOf, type ServeDeps, serveDisks, tellNode, withdrawDisks } from './serve-node.ts';

export interface NodeKindDeps extends ServeDeps {
	readonly nodes: NodeAtHil;
	readonly seal: (text: string) => string;
	readonly clock: Clock;
	/** `iqn.2026-11.org.example:` names targets and initiators; RFC 7143 section 4.2.7.3.1. */
	readonly iqnPrefix: string;
}

/** Whose the node is by then, when it is another project's than the operation's. */
const owned = z.object({ owner: z.string().optional() });

/** What a node is provisioned with; for one that is still to be found, as far as that is known. */
export const provisionInput = owned.extend({
	/** What the disk is cloned from; null: it is there already. */
	image: z.string().nullable(),
	/** Saved disks that it has besides: LUN 2 and so on. */
	beside: z.array(z.string()).default([]),
	nic: z.string(),
	mac: z.string(),
	network: z.string(),
	further: z.array(furtherNic).default([]),
	hostname: z.string(),
	keys: z.array(z.string()),
	/** Sealed. */
	userData: z.string().nullable(),
});
export type ProvisionInput = z.output<typeof provisionInput>;

/** Milliseconds for a node to come to its disk after power-on, and between two looks. */
const patience = 20 * 60_000;
const look = 1000;

/** What an operation is about: as it was asked for, or as a stage before has found it. */
export function subjectOf({ operation }: StageContext): { node: string; disk: string; project: string } {
	const { disk, project, output } = operation;
	const node = operation.node ?? output.node;
	if (typeof node !== 'string' || disk === null)
		throw new Error('an operation on a node names node and disk');
	return { node, disk, project };
}

/** Each step that is taken with a node and its disks, and how it is taken back. */
export function nodeStages(deps: NodeKindDeps) {
	const { store, storage, nodes, clock } = deps;
	const newSecret = (): string => deps.seal(secret());
	const inputOf = ({ operation: { input, output } }: StageContext): ProvisionInput =>
		provisionInput.parse({ ...input, ...output });
	const bootingOf = (context: StageContext): Promise<Booting | undefined> =>
		store.read(tx => tx.get(bootings, subjectOf(context).node));

	/**
	 * Whether hil says that the node is still whose it is to be: hil may have taken it away (a lease that is over), and
	 * nobody's wish may reach another project's machine through us.
	 */
	async function isOurs(context: StageContext): Promise<boolean> {
		const { node, project } = subjectOf(context);
		const { owner = project } = owned.parse(context.operation.input);
		return (await nodes.projectOf(node)) === owner;
	}
	/** @throws Cancelled */
	async function mustBeOurs(context: StageContext): Promise<void> {
		if (await isOurs(context)) return;
		throw provisionerErrors.Cancelled(
			`Node ${subjectOf(context).node} is not the project's any more: deprovision it.`,
		);
	}
	const boot = async (context: StageContext): Promise<void> => {
		await mustBeOurs(context);
		await nodes.bootFromNetwork(subjectOf(context).node, context);
	};
	const turnOff = async (context: StageContext): Promise<void> => {
		if (await isOurs(context)) await nodes.turnOff(subjectOf(context).node, context);
	};

	async function forget(context: StageContext): Promise<void> {
		const booting = await bootingOf(context);
		if (!booting) return;
		await withdrawDisks(deps, booting);
		await store.transact(async tx => void (await tx.delete(bootings, booting.node)));
	}

	const clone: Stage = {
		name: 'disk',
		async run(context) {
			const { input } = context.operation;
			const { disk: id } = subjectOf(context);
			if (typeof input.image !== 'string') return;
			await storage.create(id, { from: 'image', image: input.image }, { signal: context.signal });
			context.atEnd(tx => completeDisk(tx, id));
		},
		async undo(context) {
			const { disk: id } = subjectOf(context);
			const { beside } = provisionInput.pick({ beside: true }).parse(context.operation.input);
			for (const each of beside) await store.transact(tx => freeDisk(tx, each));
			if (typeof context.operation.input.image !== 'string') return store.transact(tx => freeDisk(tx, id));
			await storage.remove(id);
			await store.transact(tx => forgetDisk(tx, id));
		},
	};
	const connect: Stage = {
		name: 'network',
		async run(context) {
			await mustBeOurs(context);
			for (const { nic, network: to } of nicsOf(inputOf(context))) {
				await nodes.attach(subjectOf(context).node, nic, to);
			}
		},
		// Off a network of ours is safe, also where somebody had attached it to that before.
		async undo(context) {
			if (!(await isOurs(context))) return;
			for (const { nic, network: from } of nicsOf(inputOf(context))) {
				await nodes.detach(subjectOf(context).node, nic, from);
			}
		},
	};
	const serve: Stage = {
		name: 'target',
		async run(context) {
			const { node, disk: id, project } = subjectOf(context);
			const { image: _, beside, owner = project, ...input } = inputOf(context);
			const booting = await store.transact(async tx => {
				const known = await tx.get(bootings, node);
				// One that is resumed is nobody's so far.
				for (const each of [id, ...beside]) await claimFor(tx, each, node);
				if (known?.disks[0] === id) return known;
				if (known) throw provisionerErrors.InUse(`Node ${node} boots from another disk.`);
				const fresh: Booting = {
					...input,
					node,
					project: owner,
					disks: [id, ...beside],
					rescued: null,
					iqn: `${deps.iqnPrefix}disk.${id}`,
					initiator: `${deps.iqnPrefix}node.${plainName(node)}`,
					chap: newSecret(),
					operation: context.id,
					since: clock.now(),
				};
				await tx.insert(bootings, node, fresh);
				return fresh;
			});
			await serveDisks(deps, booting);
		},
		async undo(context) {
			const booting = await bootingOf(context);
			if (booting?.disks[0] === subjectOf(context).disk) await forget(context);
		},
	};
	const tell: Stage = {
		name: 'boot',
		async run(context) {
			const booting = await bootingOf(context);
			if (booting) await tellNode(deps, booting);
		},
		async undo(context) {
			for (const { network: at, mac } of nicsOf(inputOf(context))) await networkOf(deps, at).remove(mac);
		},
	};
	const powerOn: Stage = { name: 'power', run: boot, undo: turnOff };
	/** Waits until a node that was powered on is seen to have come so far, or to be at its disk already. */
	const comes = (name: string, kinds: readonly BootEvent['kind'][]): Stage => ({
		name,
		async run(context) {
			const booting = await bootingOf(context);
			if (!booting) throw new Error('the node is not served any more');
			const nics = nicsOf(booting).map(({ mac, network }) => ({ mac, at: networkOf(deps, network) }));
			const since = context.operation.stages.findLast(stage => stage.name === 'power')?.beganAt ?? 0;
			let asked = Number.NEGATIVE_INFINITY;
			for (const until = clock.elapsed() + patience; ; ) {
				const isSeen = ({ mac, at }: (typeof nics)[number]): boolean =>
					kinds.some(kind => (at.lastSeen(mac, kind) ?? -1) >= since);
				if (nics.some(isSeen)) return;
				if (clock.elapsed() - asked >= look) {
					asked = clock.elapsed();
					for (const { at } of nics) {
						const sessions = await at.targets.sessions(booting.iqn);
						if (sessions.some(({ initiator }) => initiator === booting.initiator)) return;
					}
				}
				if (clock.elapsed() > until) {
					throw provisionerErrors.Cancelled(
						`Node ${booting.node} has not come to its disk in ${patience / 60_000} minutes: its console may say why.`,
					);
				}
				await pause(clock, look / 10, context.signal);
			}
		},
	});
	/** How a node comes to its disk; what of it was not seen takes no time. */
	const come: readonly Stage[] = [
		comes('dhcp', ['dhcp', 'script']),
		comes('script', ['script']),
		comes('login', []),
	];

	/** What takes a node off its disks, in the order in which nothing is lost; the disks are kept. */
	const leave: readonly Stage[] = [
		{ name: 'power', run: turnOff },
		{
			name: 'boot',
			async run(context) {
				const booting = await bootingOf(context);
				for (const { network, mac } of booting ? nicsOf(booting) : [])
					await networkOf(deps, network).remove(mac);
			},
		},
		{
			name: 'network',
			async run(context) {
				const booting = await bootingOf(context);
				for (const { nic, network } of booting && (await isOurs(context)) ? nicsOf(booting) : [])
					await nodes.detach(subjectOf(context).node, nic, network);
			},
		},
		{
			name: 'target',
			async run(context) {
				const booting = await bootingOf(context);
				const disks = booting ? [...booting.disks, ...(booting.rescued ?? [])] : [];
				await forget(context);
				await store.transact(async tx => {
					for (const id of new Set([subjectOf(context).disk, ...disks])) await freeDisk(tx, id);
				});
			},
		},
	];

	return {
		clone,
		connect,
		serve,
		tell,
		powerOn,
		come,
		leave,
		isOurs,
		turnOff,
		mustBeOurs,
		bootingOf,
		newSecret,
	};
}

/** 20 letters and digits: 119 bits. */
const secret = (): string => randomBytes(15).toString('base64').replaceAll('+', 'x').replaceAll('/', 'y');
