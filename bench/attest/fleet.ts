import { createSoftAgents, type SoftAgent } from '../../attest/soft-agent.fixture.ts';
import { type Line, openLine } from './line.ts';
import { project, startVerifiers, type VerifierSite } from './verifier-site.ts';

/** So many agents that have been admitted, each with a kept-alive connection of its own to one of the verifiers. */
export interface Fleet {
	readonly site: VerifierSite;
	readonly size: number;
	/** A whole round of the nth: milliseconds until it is to ask again. Throws unless its evidence was good. */
	round(n: number): Promise<number>;
	/** Extends a PCR of the nth. */
	measure(n: number, pcr: number, digest: Buffer): void;
	/** Bytes that the first verifier held in RAM before any of them was admitted. */
	readonly memoryBefore: number;
	close(): Promise<void>;
}

/** Callers at once while they are admitted. */
const atOnce = 64;

export async function openFleet(
	size: number,
	of: Parameters<typeof startVerifiers>[1] & { readonly interval: number },
): Promise<Fleet> {
	const agents = createSoftAgents(size);
	const site = await startVerifiers(agents, of);
	const lines: (Line | undefined)[] = [];
	const close = async (): Promise<void> => {
		for (const line of lines) line?.close();
		await site.close();
	};
	try {
		const { interval } = of;
		const memoryBefore = site.verifiers[0]?.residentMemory() ?? Number.NaN;
		const round = async (n: number): Promise<number> => {
			const verifier = site.verifiers[n % site.verifiers.length];
			const kept = lines[n];
			const line = kept?.isOpen ? kept : await openLine(verifier?.ready.url ?? '', site.ca);
			lines[n] = line;
			const agent = agents[n] as SoftAgent;
			const said = await agent.round(line.post).catch(async (fault: unknown) => {
				// One that is closed for having been idle may be so in the moment in which it is used again.
				if (line.isOpen) throw fault;
				const again = await openLine(verifier?.ready.url ?? '', site.ca);
				lines[n] = again;
				return agent.round(again.post);
			});
			const { state, refusal, next } = said;
			if (state !== 'attested' || refusal !== null) throw new Error(`agent ${n}: ${state}, ${refusal}`);
			return Number(next) * 1000;
		};
		await inTurns(size, async n => {
			// It is admitted for as long as it takes to admit all, and all the rest.
			await site.client.admit({ node: `n${n}`, project, interval, lease: 3600, within: 3600 });
			await round(n);
		});
		const measure: Fleet['measure'] = (n, pcr, digest) => agents[n]?.tpm.measure(pcr, digest);
		return { site, size, round, measure, memoryBefore, close };
	} catch (fault) {
		await close();
		throw fault;
	}
}

async function inTurns(count: number, act: (n: number) => Promise<unknown>): Promise<void> {
	let next = 0;
	const one = async (): Promise<void> => {
		while (next < count) await act(next++);
	};
	await Promise.all(Array.from({ length: atOnce }, one));
}

/** Rounds of all agents, each when it is due, for so many seconds; when each was over, in milliseconds after it was due. */
export async function playIntervals(
	{ size, round }: Fleet,
	interval: number,
	seconds: number,
): Promise<number[]> {
	const late: number[] = [];
	const begin = performance.now();
	const end = begin + seconds * 1000;
	const agent = async (n: number): Promise<void> => {
		// Evenly over the first interval, as agents are that have been started at any time.
		for (let due = begin + (interval * 1000 * n) / size; due < end; ) {
			await new Promise(resolve => setTimeout(resolve, Math.max(0, due - performance.now())));
			const next = await round(n);
			late.push(performance.now() - due);
			due = performance.now() + next;
		}
	};
	await Promise.all(Array.from({ length: size }, (_, n) => agent(n)));
	return late;
}

/** Rounds of all agents, one after another, so many at once, as fast as they are answered, for so many seconds; how many there were. */
export async function playSaturated(
	{ size, round }: Fleet,
	callers: number,
	seconds: number,
): Promise<number> {
	const end = performance.now() + seconds * 1000;
	const atOnce = Math.min(callers, size);
	let done = 0;
	/** Each goes round among agents of its own: one agent does one round at a time. */
	const caller = async (first: number): Promise<void> => {
		for (let n = first; performance.now() < end; n = n + atOnce < size ? n + atOnce : first) {
			await round(n);
			done++;
		}
	};
	await Promise.all(Array.from({ length: atOnce }, (_, first) => caller(first)));
	return done;
}
