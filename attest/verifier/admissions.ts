import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import { type Admission, admissions, isOpen, type OpenAdmission } from '../model/admission.ts';
import { payloads } from '../model/payload.ts';
import { endPassageOf } from '../passage/journal.ts';
import type { World } from '../world.ts';
import { type AdmissionEvent, nextState } from './next-state.ts';
import { noteRevocation } from './notices.ts';
import { choosePolicy } from './policies.ts';

/** What a node is asked to be admitted by; what is absent is the verifier's to choose. */
export interface NewAdmission {
	readonly node: string;
	readonly project: string;
	/** By name; the node's own or the project's default when absent. */
	readonly policy?: string | undefined;
	/** Digest of the site's own policy, where it is to be judged by that as well. */
	readonly standard?: string | undefined;
	/** Its boot is to be a reference: it is judged by nothing, and admitted to nothing. */
	readonly learn?: boolean | undefined;
	/** Seconds: between quotes, that a good one counts for, and for the first to come. */
	readonly interval?: number | undefined;
	readonly lease?: number | undefined;
	readonly within?: number | undefined;
}

/** Asks for a node to be admitted. @throws NodeBusy, NotThere (no such policy) */
export async function askAdmission(
	tx: Transaction,
	{
		node,
		project,
		policy: name,
		standard,
		learn = false,
		interval = 10,
		lease = 3 * interval,
		within = 900,
	}: NewAdmission,
	{ actor, now, newId }: World,
): Promise<AdmissionView> {
	const busy = await openAdmission(tx, node, now);
	if (busy) throw attestErrors.NodeBusy(`Node ${node} has an admission that is open: end that first.`);
	const policy = learn ? undefined : await choosePolicy(tx, { project, node, name });
	const id = newId();
	const admission: Admission = {
		state: 'waiting',
		node,
		project,
		policy: policy?.digest ?? null,
		policyName: policy?.name ?? null,
		...(standard !== undefined && { standard }),
		interval: interval * 1000,
		lease: lease * 1000,
		askedAt: now,
		askedBy: actor.name,
		records: 0,
		strays: 0,
		stray: null,
		until: now + within * 1000,
	};
	await tx.insert(admissions, id, admission);
	return viewOf(id, admission, now);
}

/** The one of a node that is open now, though nobody may have looked yet whether its time is over. */
export async function openAdmission(
	tx: ReadTransaction,
	node: string,
	now: number,
): Promise<{ readonly id: string; readonly document: OpenAdmission } | undefined> {
	for (const { id, document } of await tx.list(admissions, { where: { index: 'node', equals: node } }))
		if (isOpen(document) && document.until > now) return { id, document };
	return undefined;
}

/** What happens to an admission is written, and told to those who must hear of it, in one transaction. */
export async function apply(
	tx: Transaction,
	id: string,
	event: AdmissionEvent,
	now: number,
	/** As it is in this transaction, for who has it. */
	known?: Admission,
): Promise<Admission> {
	const before = known ?? (await tx.get(admissions, id));
	if (!before) throw attestErrors.NotThere(`There is no admission ${id}.`);
	const after = nextState(before, event, now);
	if (after !== before) await tx.put(admissions, id, after);
	// Nobody is to have it any more: not even who gets at the store later.
	if (!isOpen(after)) await tx.delete(payloads, id);
	if (after.state === 'revoked' && before.state !== 'revoked') await noteRevocation(tx, id, after, now);
	if (!isOpen(after) && isOpen(before)) await endPassageOf(tx, id, after, now);
	return after;
}

interface OfAdmission {
	readonly admission: string;
}

/** The tenant is done with the node. */
export async function endAdmission(
	tx: Transaction,
	{ admission }: OfAdmission,
	{ now }: World,
): Promise<AdmissionView> {
	return viewOf(admission, await apply(tx, admission, { kind: 'end' }, now), now);
}

/** Somebody no longer trusts the node. @throws AdmissionOver */
export async function withdraw(
	tx: Transaction,
	{ admission, reason }: OfAdmission & { readonly reason: string },
	{ actor, now }: World,
): Promise<AdmissionView> {
	const before = nextState(await findAdmission(tx, { admission }), { kind: 'time' }, now);
	if (!isOpen(before)) throw attestErrors.AdmissionOver(`Admission ${admission} is ${before.state} already.`);
	const after = await apply(tx, admission, { kind: 'withdraw', reason: `${actor.name}: ${reason}` }, now);
	return viewOf(admission, after, now);
}

/** What is shown of an admission: nothing of it opens a node's payload. */
export interface AdmissionView {
	readonly id: string;
	readonly node: string;
	readonly project: string;
	readonly state: Admission['state'];
	readonly policy: string | null;
	readonly policyName: string | null;
	/** Milliseconds for which it is attested from now on; 0 when it is not. */
	readonly attestedFor: number;
	readonly interval: number;
	readonly lease: number;
	readonly askedAt: number;
	readonly askedBy: string;
	readonly since: number | null;
	readonly until: number | null;
	readonly endedAt: number | null;
	readonly code: string | null;
	readonly reason: string | null;
	readonly registration: string | null;
	readonly nodeKey: string | null;
	readonly records: number;
	readonly strays: number;
	readonly stray: string | null;
}

/** As it is at this moment: what has run out is over, whether or not anybody has swept. */
function viewOf(id: string, recorded: Admission, now: number): AdmissionView {
	const admission = nextState(recorded, { kind: 'time' }, now);
	const { node, project, state, policy, policyName, interval, lease, askedAt, askedBy, records, strays } =
		admission;
	const keys = 'keys' in admission ? admission.keys : null;
	const cause = 'cause' in admission ? admission.cause : undefined;
	const { stray } = admission;
	return {
		...{ id, node, project, state, policy, policyName },
		attestedFor: admission.state === 'attested' ? admission.until - now : 0,
		...{ interval, lease, askedAt, askedBy },
		since: admission.state === 'attested' ? admission.since : null,
		until: 'until' in admission ? admission.until : null,
		endedAt: 'endedAt' in admission ? admission.endedAt : null,
		code: cause?.code ?? null,
		reason: cause?.reason ?? null,
		registration: keys?.registration ?? null,
		nodeKey: keys?.nodeKey ?? null,
		...{ records, strays },
		stray: stray && `${stray.code}: ${stray.reason}`,
	};
}

async function findAdmission(tx: ReadTransaction, { admission }: OfAdmission): Promise<Admission> {
	const found = await tx.get(admissions, admission);
	if (!found) throw attestErrors.NotThere(`There is no admission ${admission}.`);
	return found;
}

export const showAdmission = async (
	tx: ReadTransaction,
	of: OfAdmission,
	{ now }: World,
): Promise<AdmissionView> => viewOf(of.admission, await findAdmission(tx, of), now);

/** Those of the asker's projects, newest first. */
export async function listAdmissions(
	tx: ReadTransaction,
	{ all = false }: { readonly all?: boolean | undefined },
	{ actor, now }: World,
): Promise<AdmissionView[]> {
	const of = (index: string, equals: string) => tx.list(admissions, { where: { index, equals } });
	const found = actor.isAdmin
		? await (all ? tx.list(admissions) : of('open', 'yes'))
		: (await Promise.all([...actor.projects].map(project => of('project', project)))).flat();
	return found
		.map(({ id, document }) => viewOf(id, document, now))
		.filter(({ endedAt }) => all || endedAt === null)
		.sort((a, b) => b.askedAt - a.askedAt || (a.id < b.id ? -1 : 1));
}
