import { type BegunObm, holdObm, openFor, settleObm } from '../core/obm-actions.ts';
import { hilErrors } from '../errors.ts';
import type { HilDeps } from '../hil-deps.ts';
import type { ObmOutcome } from '../obm/obm.ts';
import { OtherAnswer, TextStream } from './route.ts';

/**
 * Does what was begun, and answers what came of it: nothing when it is done, 202 with an id when another party must
 * agree first.
 */
export async function carryOutObm(
	{ store, obm }: HilDeps,
	begun: BegunObm,
	call: (of: HilDeps['obm']) => Promise<ObmOutcome>,
): Promise<unknown> {
	const { id } = begun;
	let outcome: ObmOutcome;
	try {
		outcome = await call(obm);
	} catch (fault) {
		await store.transact(tx => settleObm(tx, id, 'ERROR'));
		throw fault;
	}
	if (outcome.kind === 'done') {
		await store.transact(tx => settleObm(tx, id, 'DONE'));
		return undefined;
	}
	return hold(store, begun, outcome);
}

type Waiting = Extract<ObmOutcome, { kind: 'waiting' }>;

async function hold(
	store: HilDeps['store'],
	{ id, type, node }: BegunObm,
	waiting: Waiting,
): Promise<OtherAnswer> {
	await store.transact(tx => holdObm(tx, id, waiting));
	return new OtherAnswer(202, { status_id: id, msg: `${type} of ${node} waits for ${waiting.needs}.` });
}

/** Looks how what waits is getting on, and records it when it is over. */
export async function refreshObm(
	{ store, obm }: HilDeps,
	id: string,
	{ uri, request }: { readonly uri: string; readonly request: string | null },
): Promise<void> {
	if (request === null) return;
	const state = await obm.follow(uri, request);
	if (state !== 'waiting') await store.transact(tx => settleObm(tx, id, state === 'done' ? 'DONE' : 'ERROR'));
}

/**
 * Withdraws what waits for a node whose management was disabled: approved later, it would be done to whoever has the
 * node then.
 * @throws BlockedError while something is just being done to it
 */
export async function withdrawAll({ store, obm }: HilDeps, node: string): Promise<void> {
	for (const { id, document } of await store.read(tx => openFor(tx, node))) {
		const { uri, request, type } = document;
		if (request === null) {
			throw hilErrors.BlockedError(
				`${type} of node ${node} is just being done; its management is disabled now.`,
			);
		}
		await obm.withdraw(uri, request);
		await store.transact(tx => settleObm(tx, id, 'ERROR'));
	}
}

/** Streams a console, or answers 202 when another party must agree first. */
export async function streamConsole({ store, consoles }: HilDeps, begun: BegunObm): Promise<unknown> {
	const opened = await consoles.open(begun);
	if (opened.kind === 'waiting') return hold(store, begun, opened);
	return new TextStream(opened.output, () => opened.end());
}
