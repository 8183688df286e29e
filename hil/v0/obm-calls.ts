import type { Transaction } from '../../common/store/store.ts';
import type { Actor } from '../authorize/actor.ts';
import { recordObmAction, settleObmAction, waitingFor } from '../core/obm-actions.ts';
import type { HilDeps } from '../hil-deps.ts';
import type { ObmAction } from '../model/obm-action.ts';
import type { ObmOutcome, RequestState } from '../obm/obm.ts';
import { OtherAnswer, TextStream } from './route.ts';

interface Target {
	readonly uri: string;
	readonly project: string | null;
}

/** Answers what came of managing a node: nothing when it is done, 202 with an id when another party must agree. */
export async function answerObm(
	deps: HilDeps,
	{ uri, project }: Target,
	asked: { readonly node: string; readonly type: string; readonly actor: Actor },
	outcome: ObmOutcome,
): Promise<unknown> {
	if (outcome.kind === 'done') return undefined;
	const { node, type, actor } = asked;
	const { newId, now } = deps.world(actor);
	const id = newId();
	const { request, needs } = outcome;
	await deps.store.transact(tx => recordObmAction(tx, { id, node, project, type, uri, request, needs }, now));
	return new OtherAnswer(202, { status_id: id, msg: `${type} of ${node} waits for ${needs}.` });
}

/** Looks how what waits is getting on, and records it. */
export async function refreshObmActions(deps: HilDeps, waiting: readonly Waiting[]): Promise<void> {
	for (const { id, document } of waiting) {
		const state = await deps.obm.follow(document.uri, document.request);
		if (state === 'waiting') continue;
		await deps.store.transact(tx => settleObmAction(tx, id, statusOf[state]));
	}
}

const statusOf: Readonly<Record<Exclude<RequestState, 'waiting'>, ObmAction['status']>> = {
	done: 'DONE',
	failed: 'ERROR',
};

interface Waiting {
	readonly id: string;
	readonly document: ObmAction;
}

/**
 * Withdraws what still waits for a node whose management is being disabled: approved later, it would be done to
 * whoever has the node then.
 */
export async function withdrawAll(deps: HilDeps, node: string): Promise<void> {
	const waiting = await deps.store.read(tx => waitingFor(tx, node));
	for (const { id, document } of waiting) {
		await deps.obm.withdraw(document.uri, document.request);
		await deps.store.transact((tx: Transaction) => settleObmAction(tx, id, 'ERROR'));
	}
}

/** The readers of consoles, one for each node: a new one ends the last. */
export function createConsoles() {
	const readers = new Map<string, AbortController>();
	return {
		async open(
			deps: HilDeps,
			target: Target,
			asked: { node: string; type: string; actor: Actor },
		): Promise<unknown> {
			const { node } = asked;
			const own = new AbortController();
			const opened = await deps.obm.openConsole(target.uri, own.signal);
			if (opened.kind === 'waiting') return answerObm(deps, target, asked, opened);
			readers.get(node)?.abort();
			readers.set(node, own);
			return new TextStream(opened.output, () => {
				own.abort();
				if (readers.get(node) === own) readers.delete(node);
			});
		},
		/** The node's project may not look on any more. */
		end(node: string): void {
			readers.get(node)?.abort();
		},
	};
}
export type Consoles = ReturnType<typeof createConsoles>;
