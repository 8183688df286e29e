import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import type { Admission } from '../model/admission.ts';
import { type Notice, notices, type Subscription, subscriptions } from '../model/notice.ts';
import type { Passage } from '../model/passage.ts';
import type { World } from '../world.ts';

const mostSubscriptions = 1000;

/** Journals what is to be told, in the transaction that revokes. */
export async function noteRevocation(
	tx: Transaction,
	id: string,
	{ node, project, cause: { code, reason } }: Extract<Admission, { state: 'revoked' }>,
	now: number,
): Promise<void> {
	const told = { kind: 'revoked', admission: id, node, project, code, reason, at: now } as const;
	await note(tx, id, told);
}

/** The same of a node's passage, in the transaction that records what has become of it. */
export async function notePassage(
	tx: Transaction,
	id: string,
	passage: Extract<Passage, { state: 'inside' | 'cut' | 'rejected' | 'returned' }>,
	now: number,
): Promise<void> {
	const { state: kind, node, project, admission } = passage;
	const { code, reason } = 'cause' in passage ? passage.cause : { code: null, reason: null };
	await note(tx, `${id}.${kind}`, { kind, passage: id, admission, node, project, code, reason, at: now });
}

async function note(tx: Transaction, id: string, told: Notice['told']): Promise<void> {
	const listeners = await tx.list(subscriptions, { where: { index: 'project', equals: told.project } });
	for (const subscription of [null, ...listeners.map(one => one.id)]) {
		const notice = { told, subscription, dueAt: told.at, attempts: 0 };
		await tx.put(notices, `${id}.${subscription ?? 'broker'}`, notice);
	}
}

export interface SubscriptionView extends Subscription {
	readonly id: string;
}

/** @param args.mayPush whether the site lets the verifier send anything there */
export async function subscribe(
	tx: Transaction,
	{ project, url, mayPush }: { readonly project: string; readonly url: string; mayPush: boolean },
	{ actor, now, newId }: World,
): Promise<SubscriptionView> {
	if (!mayPush)
		throw attestErrors.PushRefused(
			`This verifier does not push to ${new URL(url).host}: its site file names hosts and networks under push.`,
		);
	const own = await tx.list(subscriptions, { where: { index: 'project', equals: project } });
	const same = own.find(({ document }) => document.url === url);
	if (same) return { id: same.id, ...same.document };
	if (own.length >= mostSubscriptions)
		throw attestErrors.TooMany(`Project ${project} has ${own.length} subscriptions.`);
	const id = newId();
	const document = { project, url, addedAt: now, addedBy: actor.name };
	await tx.insert(subscriptions, id, document);
	return { id, ...document };
}

export async function listSubscriptions(
	tx: ReadTransaction,
	{ project }: { readonly project: string },
): Promise<SubscriptionView[]> {
	const found = await tx.list(subscriptions, { where: { index: 'project', equals: project } });
	return found.map(({ id, document }) => ({ id, ...document }));
}

export async function unsubscribe(
	tx: Transaction,
	{ subscription }: { readonly subscription: string },
): Promise<SubscriptionView> {
	const found = await tx.get(subscriptions, subscription);
	if (!found) throw attestErrors.NotThere(`There is no subscription ${subscription}.`);
	await tx.delete(subscriptions, subscription);
	return { id: subscription, ...found };
}
