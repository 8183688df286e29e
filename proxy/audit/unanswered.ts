import type { SealedRecord } from './chain.ts';

/** A change that was decided to be executed, and of which the log does not say what came of it. */
export interface UnansweredChange {
	/** The number of the decision's record. */
	readonly decision: number;
	/** ISO 8601, when it was decided. */
	readonly time: string;
	/** Null for what was decided at once. */
	readonly requestId: string | null;
	readonly bmc: string;
	readonly method: string;
	readonly path: string;
	readonly operator: string;
}

export interface UnansweredChanges {
	/** The next record of the log. */
	see(sealed: Pick<SealedRecord, 'seq' | 'time' | 'record'>): void;
	/** In their order. */
	list(): readonly UnansweredChange[];
}

/** More than can be under way at once; of a log that has more, the newest are told of. */
const most = 10_000;

/**
 * Pairs decisions with their answers. Of reads only the decision is ever recorded, and what becomes of a console is in
 * records of its own.
 */
export function createUnansweredChanges(): UnansweredChanges {
	const open = new Map<number | string, UnansweredChange>();
	return {
		see({ seq, time, record }) {
			const { kind, ...fields } = record as { kind?: unknown } & Record<string, unknown>;
			if (kind === 'answer') {
				const { requestId, decision } = fields as { requestId: string | null; decision?: number };
				const key = requestId ?? decision;
				if (key !== undefined) open.delete(key);
				return;
			}
			if (kind !== 'decision' || fields.verdict !== 'execute') return;
			const { requestId, bmc, method, path, operator } = fields as unknown as UnansweredChange;
			if (method === 'GET' || method === 'HEAD' || method === 'WEBSOCKET') return;
			open.set(requestId ?? seq, { decision: seq, time, requestId, bmc, method, path, operator });
			if (open.size > most) open.delete(open.keys().next().value ?? seq);
		},
		list: () => [...open.values()],
	};
}
