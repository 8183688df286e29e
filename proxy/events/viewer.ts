import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Operator } from '../operator.ts';
import { type EventMessage, eventView, gapView, reportView, type View } from './event-message.ts';
import type { ReadOnce, Sight } from './sight.ts';

/** Whoever is told of events: a client's stream, or a subscription. */
export interface Subscriber {
	tell(view: View): void;
	/** Its operator may not follow events now. */
	refuse(): void;
	/** The policies, the operators or the sessions have changed. */
	check(): void;
}

export interface ViewerDeps {
	readonly operator: Operator;
	readonly bmc: Pick<BmcConnection, 'read' | 'target'>;
	readonly sight: Sight;
	readonly now: () => number;
	readonly count: (outcome: EventOutcome) => void;
	readonly onFault: (fault: unknown) => void;
}

export type EventOutcome = 'shown' | 'hidden' | 'refused' | 'undecided' | 'dropped' | 'unreadable';

/** One operator's eyes on one BMC: what is decided on an event is decided once, however many streams are open. */
export interface Viewer {
	readonly operator: Operator;
	readonly subscribers: Set<Subscriber>;
	see(message: EventMessage, read: ReadOnce): void;
	/** Events since then (milliseconds since the epoch) may have been missed. */
	tellGap(since: number | undefined): void;
	/** What is the proxy's own, made with the viewer's next number. */
	tell(make: (id: string) => View): void;
	/** Refuses the subscribers when the operator may not follow any more. */
	check(): void;
}

/** Events that wait to be decided on; when there are more, the oldest stay and a gap is told. */
const longestQueue = 1000;

export function createViewer(deps: ViewerDeps): Viewer {
	const { operator, bmc, sight, count } = deps;
	const reader = { operator, bmc };
	const subscribers = new Set<Subscriber>();
	const queue: (() => Promise<void>)[] = [];
	let isBusy = false;
	let droppedSince: number | undefined;
	let number = 0;

	const tellAll = (view: View): void => {
		for (const subscriber of [...subscribers]) subscriber.tell(view);
	};
	const refuseAll = (): void => {
		for (const subscriber of [...subscribers]) subscriber.refuse();
	};
	const nextId = (): string => String(++number);

	const show = async (message: EventMessage, read: ReadOnce): Promise<void> => {
		if (subscribers.size === 0) return;
		try {
			const posts = await sight.mayFollow(reader);
			if (!posts) {
				count('refused');
				return refuseAll();
			}
			const seen = await sight.see(reader, message, read, posts);
			count(seen ? 'shown' : 'hidden');
			if (!seen) return;
			const id = nextId();
			tellAll(
				seen.kind === 'event' ? eventView(id, seen.envelope, seen.records) : reportView(id, seen.report),
			);
		} catch (fault) {
			// An error while deciding means deny.
			count('undecided');
			deps.onFault(fault);
		}
	};
	const work = async (): Promise<void> => {
		if (isBusy) return;
		isBusy = true;
		for (let next = queue.shift(); next; next = queue.shift()) await next();
		isBusy = false;
	};
	const enqueue = (step: () => Promise<void>): void => {
		queue.push(step);
		void work();
	};
	const tellGapNow = (since: number | undefined): void =>
		tellAll(gapView(nextId(), { bmc: bmc.target.name, since, until: deps.now() }));

	return {
		operator,
		subscribers,
		see(message, read) {
			if (queue.length >= longestQueue) {
				count('dropped');
				droppedSince ??= deps.now();
				return;
			}
			if (droppedSince !== undefined) {
				const since = droppedSince;
				droppedSince = undefined;
				enqueue(async () => tellGapNow(since));
			}
			enqueue(() => show(message, read));
		},
		tellGap: since => enqueue(async () => tellGapNow(since)),
		tell: make => enqueue(async () => tellAll(make(nextId()))),
		check() {
			for (const subscriber of [...subscribers]) subscriber.check();
			enqueue(async () => {
				const posts = await sight.mayFollow(reader).catch(() => undefined);
				if (!posts) refuseAll();
			});
		},
	};
}
