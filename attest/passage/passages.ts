import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { type Actor, isMember } from '../authorize/actor.ts';
import { attestErrors } from '../errors.ts';
import { admissions, isOpen } from '../model/admission.ts';
import {
	isOver,
	type NicNetwork,
	type Passage,
	type PassageCause,
	passages,
	type Stage,
} from '../model/passage.ts';
import { apply, askAdmission, openAdmission } from '../verifier/admissions.ts';
import { choosePolicy } from '../verifier/policies.ts';
import { standardFor } from '../verifier/standard.ts';
import type { World } from '../world.ts';
import { moveOn } from './journal.ts';

/** How a node is brought through the airlock; what is absent is the verifier's to choose. Times in seconds. */
export interface NewPassage {
	readonly node: string;
	readonly project: string;
	readonly networks: readonly {
		readonly nic: string;
		readonly network: string;
		readonly channel?: string | undefined;
	}[];
	readonly attestation?: Passage['attestation'] | undefined;
	readonly policy?: string | undefined;
	readonly interval?: number | undefined;
	readonly lease?: number | undefined;
	readonly within?: number | undefined;
	/** Whether it is let in only when it was given what the tenant releases for its admission. */
	readonly payload?: boolean | undefined;
}

/** What hil has said of the node before. */
export interface FoundNode {
	readonly origin: string | null;
	/** Until when it is that project's, ISO 8601. */
	readonly leaseEnd: string | null;
	/** The NIC for the airlock's network. */
	readonly nic: string;
	/** More nodes that the project may take. */
	readonly room: number;
}

/**
 * Journals a passage; the mover is to be woken then. `airlock`: its project.
 * @throws NodeBusy, TooMany, NotThere (no such policy), PolicyRefused (it cannot be held against the site's own)
 */
export async function beginPassage(
	tx: Transaction,
	wanted: NewPassage & { readonly found: FoundNode; readonly airlock: string },
	{ actor, now, newId }: World,
): Promise<PassageView> {
	const { node, project, attestation = 'verifier', found, airlock } = wanted;
	const open = await openPassage(tx, node);
	if (open) throw attestErrors.NodeBusy(`Passage ${open.id} of node ${node} is not over.`);
	const admitted = await openAdmission(tx, node, now);
	if (admitted)
		throw attestErrors.NodeBusy(`Node ${node} has an admission that is open: end ${admitted.id} first.`);
	if (attestation === 'verifier') {
		const { digest } = await choosePolicy(tx, { project, node, name: wanted.policy });
		const { misfit } = await standardFor(tx, { airlock, node, policy: digest });
		if (misfit !== undefined) throw attestErrors.PolicyRefused(misfit);
	}
	if (found.origin !== project) await assertRoom(tx, project, found.room);
	const id = newId();
	const passage: Passage = {
		...{ state: 'passing', stage: 'take', node, project, attestation },
		networks: wanted.networks.map(
			({ channel = 'vlan/native', ...rest }): NicNetwork => ({ ...rest, channel }),
		),
		policy: wanted.policy ?? null,
		interval: wanted.interval ?? null,
		lease: wanted.lease ?? null,
		within: wanted.within ?? null,
		awaitsPayload: attestation === 'verifier' && wanted.payload === true,
		...{ nic: found.nic, origin: found.origin, leaseEnd: found.leaseEnd },
		...{ askedAt: now, askedBy: actor.name, admission: null, waits: null, operation: null, disk: null },
		airlock: null,
		...{ trouble: null, attempts: 0, chores: [], history: [{ at: now, what: 'take' }], revision: 0 },
	};
	await tx.insert(passages, id, passage);
	return viewOf(id, passage);
}

/** Nodes on their way count as well: nobody keeps more of them in the airlock than the project may have. */
async function assertRoom(tx: ReadTransaction, project: string, room: number): Promise<void> {
	if (room === Number.POSITIVE_INFINITY) return;
	const own = await tx.list(passages, { where: { index: 'project', equals: project } });
	const coming = own.filter(
		({ document }) => document.state === 'passing' && document.origin !== project,
	).length;
	if (coming < room) return;
	throw attestErrors.TooMany(
		`Project ${project} may take ${Math.max(0, room)} more nodes, and ${coming} are on their way.`,
	);
}

async function openPassage(tx: ReadTransaction, node: string) {
	const [found] = await tx.list(passages, { where: { index: 'node', equals: node }, limit: 1 });
	return found;
}

/** Keeps one of the airlock's networks for a node: the only one, which they share, or one that no other node is on. False: none is free. */
export async function reserveNetwork(
	tx: Transaction,
	id: string,
	networks: readonly string[],
): Promise<boolean> {
	const passage = await tx.get(passages, id);
	if (passage?.state !== 'passing') return true;
	for (const airlock of networks) {
		const isTaken = (await tx.count(passages, { index: 'airlock', equals: airlock })) > 0;
		if (isTaken && networks.length > 1) continue;
		const fresh = { airlock, trouble: null, attempts: 0, revision: passage.revision + 1 };
		await tx.put(passages, id, { ...passage, ...fresh });
		return true;
	}
	return false;
}

/** The node is in the airlock: it has from now on to prove itself. */
export async function admit(
	tx: Transaction,
	id: string,
	{
		stage,
		airlock,
		newId,
		now,
	}: {
		readonly stage: Stage;
		/** Its project, whose own policy is what nodes are held against. */
		readonly airlock: string;
		readonly newId: () => string;
		readonly now: number;
	},
): Promise<void> {
	const passage = await tx.get(passages, id);
	if (passage?.state !== 'passing' || passage.stage !== 'airlock') return;
	const { node, project, policy, interval, lease, within, askedBy: name } = passage;
	const actor: Actor = { name, isAdmin: false, projects: new Set() };
	const { digest } = await choosePolicy(tx, { project, node, name: policy ?? undefined });
	const { standard, misfit } = await standardFor(tx, { airlock, node, policy: digest });
	// It was set anew since it was asked for.
	if (misfit !== undefined) {
		await moveOn(tx, id, { kind: 'returning', cause: { code: 'PolicyRefused', reason: misfit } }, now);
		return;
	}
	const admission = await askAdmission(
		tx,
		{
			...{ node, project, policy: policy ?? undefined, interval: interval ?? undefined },
			...{ lease: lease ?? undefined, within: within ?? undefined, standard },
		},
		{ actor, now, newId },
	);
	await tx.put(passages, id, { ...passage, admission: admission.id });
	await moveOn(tx, id, { kind: 'stage', stage }, now);
}

/** It comes to nothing: the node goes back, and nobody attests it any more. */
export async function giveUp(tx: Transaction, id: string, cause: PassageCause, now: number): Promise<void> {
	await moveOn(tx, id, { kind: 'returning', cause }, now);
	await endAdmissionOf(tx, id, now);
}

/** Its node is not to be attested any more, whatever it shows. */
export async function endAdmissionOf(tx: Transaction, id: string, now: number): Promise<void> {
	const admission = (await tx.get(passages, id))?.admission;
	const found = admission ? await tx.get(admissions, admission) : undefined;
	if (admission && found && isOpen(found)) await apply(tx, admission, { kind: 'end' }, now);
}

interface OfPassage {
	readonly passage: string;
}

/** Has the node go back to where it was. @throws PassageOver when it is in, or on its way out */
export async function cancelPassage(
	tx: Transaction,
	{ passage: id }: OfPassage,
	{ actor, now }: World,
): Promise<PassageView> {
	const found = await findPassage(tx, id);
	if (found.state !== 'passing' || found.stage === 'enter') {
		const hint =
			found.state === 'inside' && found.admission !== null
				? `; withdraw admission ${found.admission} to have it cut off, or release it at hil`
				: '';
		const at = found.state === 'passing' ? 'just going in' : found.state;
		throw attestErrors.PassageOver(`Node ${found.node} is ${at}${hint}.`);
	}
	await giveUp(tx, id, { code: 'Cancelled', reason: `by ${actor.name}` }, now);
	return viewOf(id, await findPassage(tx, id));
}

export interface PassageView {
	readonly id: string;
	readonly node: string;
	readonly project: string;
	readonly networks: readonly NicNetwork[];
	readonly attestation: Passage['attestation'];
	readonly policy: string | null;
	readonly payload: boolean;
	readonly state: Passage['state'];
	/** What it is at while it passes. */
	readonly stage: Stage | null;
	readonly admission: string | null;
	readonly origin: string | null;
	/** For whom it waits, where that is somebody's word. */
	readonly waits: string | null;
	readonly trouble: string | null;
	readonly attempts: number;
	readonly code: string | null;
	readonly reason: string | null;
	/** What the site's own policy makes of the evidence that was refused; null where there is none. */
	readonly standard: PassageCause['standard'] | null;
	readonly askedAt: number;
	readonly askedBy: string;
	readonly endedAt: number | null;
	readonly history: Passage['history'];
	readonly revision: number;
}

function viewOf(id: string, passage: Passage): PassageView {
	const { node, project, networks, attestation, policy, awaitsPayload, state, admission, origin, waits } =
		passage;
	const { trouble, attempts, askedAt, askedBy, history, revision } = passage;
	const { code, reason, standard = null } = 'cause' in passage ? passage.cause : { code: null, reason: null };
	return {
		...{ id, node, project, networks, attestation, policy, payload: awaitsPayload, state },
		stage: passage.state === 'passing' ? passage.stage : null,
		...{ admission, origin, waits: waits?.note ?? null, trouble, attempts, code, reason },
		...{ standard, askedAt, askedBy },
		endedAt: isOver(passage) ? passage.endedAt : null,
		...{ history, revision },
	};
}

async function findPassage(tx: ReadTransaction, id: string): Promise<Passage> {
	const found = await tx.get(passages, id);
	if (!found) throw attestErrors.NotThere(`There is no passage ${id}.`);
	return found;
}

export const showPassage = async (tx: ReadTransaction, { passage }: OfPassage): Promise<PassageView> =>
	viewOf(passage, await findPassage(tx, passage));

/** Those of the asker's projects, newest first. */
export async function listPassages(
	tx: ReadTransaction,
	{ all = false }: { readonly all?: boolean | undefined },
	{ actor }: World,
): Promise<PassageView[]> {
	const found = await tx.list(passages, all ? {} : { where: { index: 'open', equals: 'yes' } });
	return found
		.filter(({ document }) => isMember(actor, document.project))
		.map(({ id, document }) => viewOf(id, document))
		.sort((a, b) => b.askedAt - a.askedAt || (a.id < b.id ? -1 : 1));
}
