import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import type { Admission } from '../model/admission.ts';
import { notices, type Revocation, type Subscription, subscriptions } from '../model/notice.ts';
import type { World } from '../world.ts';

const mostSubscriptions = 1000;

/** Journals what is to be told, in the transaction that revokes. */
export async function noteRevocation(
	tx: Transaction,
	id: string,
	{ node, project, cause: { code, reason } }: Extract<Admission, { state: 'revoked' }>,
	now: number,
): Promise<void> {
	const revocation: Revocation = { kind: 'revoked', admission: id, node, project, code, reason, at: now };
	const listeners = await tx.list(subscriptions, { where: { index: 'project', equals: project } });
	for (const subscription of [null, ...listeners.map(one => one.id)])
		await tx.put(notices, `${id}.${subscription ?? 'broker'}`, {
			revocation,
			subscription,
			dueAt: now,
			attempts: 0,
		});
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
