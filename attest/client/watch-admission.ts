import { type Clock, pause } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';

/** What is looked at: `admission` of the verifier's client. */
interface Looked {
	readonly state: string;
	readonly attestedFor: number;
	readonly code: string | null;
	readonly reason: string | null;
}

export interface WatchDeps<A extends Looked> {
	readonly look: () => Promise<A>;
	readonly clock: Clock;
	/** Milliseconds between looks; a third of what the verifier vouches for when absent. */
	readonly pace?: number | undefined;
	/** Called at every look that found it attested. */
	readonly onAttested?: ((admission: A) => void) | undefined;
	/** Ends the watch. */
	readonly signal: AbortSignal;
}

/** Milliseconds: before the first good look, and after one that failed. */
const impatience = 1000;

/**
 * Resolves with the reason when a node is attested no longer: at once when the verifier says so, and when it says nothing,
 * as soon as what it said last has run out. Time counts from before each question, so that a slow answer is worth less.
 * A node that waits to be attested is waited for.
 * @throws the signal's reason; whatever the first look throws: then nothing is known of the node
 */
export async function watchAdmission<A extends Looked>(deps: WatchDeps<A>): Promise<string> {
	const { look, clock, signal, onAttested } = deps;
	let goodUntil: number | undefined;
	for (let first = true; ; first = false) {
		signal.throwIfAborted();
		const asked = clock.elapsed();
		if (goodUntil !== undefined && goodUntil <= asked)
			return 'the verifier does not answer, and what it said last has run out';
		const patience = goodUntil === undefined ? undefined : goodUntil - asked;
		const seen = await within(clock, patience, look).catch((fault: unknown) => {
			if (first || (fault instanceof BimetalError && fault.code === 'Interrupted')) throw fault;
			return undefined;
		});
		if (seen?.state === 'attested' && seen.attestedFor > 0) {
			goodUntil = asked + seen.attestedFor;
			onAttested?.(seen);
		} else if (seen && (seen.state !== 'waiting' || goodUntil !== undefined))
			return seen.code === null ? `it is ${seen.state}` : `${seen.code}: ${seen.reason}`;
		const between = deps.pace ?? Math.max(impatience, (seen?.attestedFor ?? 0) / 3);
		const left = (goodUntil ?? Number.POSITIVE_INFINITY) - clock.elapsed();
		await pause(clock, Math.max(0, Math.min(between, left)), signal);
	}
}

/** An answer, or undefined when the time is up. */
function within<T>(clock: Clock, ms: number | undefined, work: () => Promise<T>): Promise<T | undefined> {
	if (ms === undefined) return work();
	return new Promise((resolve, reject) => {
		const cancel = clock.after(Math.max(0, ms), () => resolve(undefined));
		work().then(resolve, reject).finally(cancel);
	});
}
