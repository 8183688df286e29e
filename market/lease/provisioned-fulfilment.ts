import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { NodeView, OperationView, ProvisionerClient } from '../../provisioner/client.ts';
import { marketErrors } from '../errors.ts';
import { DeliveryRefused, type Fulfilment, type Handover } from './fulfilment.ts';

/** Milliseconds of one look at an operation, and for how long the saving of disks is waited for before hil takes the nodes anyway. */
const look = 5000;
const savingPatience = 120_000;

/** Stages in which it is the node that does not do what it should. */
const stagesOfNode = ['power', 'dhcp', 'script', 'login'];

export interface ProvisionedFulfilmentDeps {
	/** Who gives nodes to projects. */
	readonly inner: Fulfilment;
	readonly provisioner: Pick<ProvisionerClient, 'image' | 'nodes' | 'operation' | 'operations' | 'cancel'>;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Throws unless it is this process that hands over: see leadership.ts. Called right before each change. */
	readonly check: () => void;
}

/**
 * Has the servers of a lease boot from the image that was bid for, each from a disk of its own; and saves whatever disks nodes boot
 * from before they leave their project. While the provisioner is away nodes leave all the same: it saves the disks when it is back.
 */
export function createProvisionedFulfilment(deps: ProvisionedFulfilmentDeps): Fulfilment {
	const { inner, provisioner, clock, logger, check } = deps;
	const bootingOf = (node: string): Promise<NodeView | undefined> =>
		provisioner.nodes.show(node).catch(fault => {
			if (isNotThere(fault)) return undefined;
			throw fault;
		});
	/** What is being done to a node of a project, if anything is. */
	const underWay = async (node: string, project: string): Promise<OperationView | undefined> =>
		(await provisioner.operations()).find(each => each.node === node && each.project === project);

	/** Resolves when an operation is over; `isEnough` ends the waiting. */
	async function follow(begun: OperationView, isEnough: () => boolean): Promise<OperationView> {
		for (let found = begun; ; found = await provisioner.operation(begun.id, look, found.revision))
			if (found.endedAt !== null || isEnough()) return found;
	}

	async function boot(
		server: string,
		{ lease, project, boot: wanted }: Handover,
		image: string,
		signal: AbortSignal,
	): Promise<void> {
		const isEnough = (): boolean => signal.aborted;
		const disk = `${server}-${lease.slice(0, 8)}`.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
		let operation = await underWay(server, project);
		if (operation?.kind !== 'node.provision') {
			if (operation) await follow(operation, isEnough);
			const booting = await bootingOf(server);
			if (booting?.disks[0] === `${project}/${disk}`) return;
			check();
			// What an earlier lease of the project's has left, if there is anything: saved, and out of the way.
			if (booting?.project === project) await follow(await provisioner.nodes.deprovision(server), isEnough);
			check();
			operation = await provisioner.nodes.provision(server, { project, image, disk, keys: wanted?.keys });
		}
		const { status, endedAt, error, during, stages } = await follow(operation, isEnough);
		if (status === 'DONE') return;
		const stage = during ?? stages.findLast(({ isOver }) => !isOver)?.name ?? '';
		const what = endedAt === null ? `has not come so far yet (${stage})` : `does not: ${error} (${stage})`;
		const why = marketErrors.NodeNotBooted(`Node ${server} is to boot from ${image}, and ${what}.`);
		throw stagesOfNode.includes(stage) ? new DeliveryRefused({ server }, why) : why;
	}

	/** The reference of an image that a project may use: the market's account may use every one. */
	async function imageFor(project: string, given: string): Promise<string> {
		const reference = given.includes('/') ? given : `${project}/${given}`;
		const image = await provisioner.image(reference).catch(fault => {
			if (isNotThere(fault)) return undefined;
			throw fault;
		});
		const isTheirs =
			image?.project === project ||
			image?.visibility === 'public' ||
			(image?.visibility === 'shared' && image.sharedWith.includes(project));
		if (isTheirs) return reference;
		throw new DeliveryRefused(
			'project',
			marketErrors.NodeNotBooted(`There is no image ${reference} that project ${project} may use.`),
		);
	}

	/** Takes a node off the disk that it boots from, which is saved. */
	async function saveDisk(server: string, project: string, signal: AbortSignal): Promise<void> {
		const until = clock.elapsed() + savingPatience;
		const isEnough = (): boolean => signal.aborted || clock.elapsed() > until;
		const operation = await underWay(server, project);
		if (operation?.kind === 'node.provision') {
			check();
			await provisioner.cancel(operation.id);
		}
		if (operation) await follow(operation, isEnough);
		if ((await bootingOf(server))?.project !== project) return;
		check();
		const { status, error } = await follow(await provisioner.nodes.deprovision(server), isEnough);
		if (status !== 'DONE') throw new Error(error ?? `it is not done after ${savingPatience / 1000} s`);
	}

	return {
		async deliver(handover, signal) {
			await inner.deliver(handover, signal);
			const { boot: wanted, project, servers } = handover;
			if (!wanted) return;
			const image = await imageFor(project, wanted.image);
			const all = await Promise.allSettled(servers.map(server => boot(server, handover, image, signal)));
			for (const each of all) if (each.status === 'rejected') throw each.reason;
		},
		async takeBack(handover, signal) {
			const saving = handover.servers.map(server =>
				saveDisk(server, handover.project, signal).catch(fault =>
					logger.warn(
						{ err: fault, node: server, lease: handover.lease },
						'a disk is not saved yet; the node leaves its project, and the provisioner saves it by itself',
					),
				),
			);
			await Promise.all(saving);
			await inner.takeBack(handover, signal);
		},
		...(inner.inspect && { inspect: inner.inspect }),
	};
}

const isNotThere = (fault: unknown): boolean => fault instanceof BimetalError && fault.code === 'NotThere';
