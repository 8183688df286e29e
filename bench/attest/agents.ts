import assert from 'node:assert/strict';
import type { BenchCase, Side } from '../harness/bench-case.ts';
import { type Fleet, openFleet, playIntervals, playSaturated } from './fleet.ts';

/** Seconds from one quote of a node to the next, as admissions have it when nobody says anything else. */
const interval = 10;
const callers = 64;

/**
 * Agents that ask and answer every ten seconds, each over a TLS connection of its own that is kept open; nine of ten have a key on
 * P-256, the others one of RSA, in software. They run in this process, the verifier in one of its own: both share the machine, so what
 * counts is processor time, and how late rounds were says whether there was enough for both.
 */
export function agentsAtIntervals(sizes: readonly number[]): BenchCase {
	const sides = sizes.map(size => intervalSide(size));
	const ours = sides.pop();
	assert.ok(ours);
	return {
		name: `agents, one round each in ${interval} s`,
		figures: [
			{ name: '', unit: 'rounds a second', better: 'higher' },
			{ name: 'late, p50', unit: 'ms', better: 'lower' },
			{ name: 'late, p99', unit: 'ms', better: 'lower' },
			{ name: 'verifier’s processor time', unit: 'cores', better: 'lower' },
			{ name: 'of that, a round', unit: 'µs', better: 'lower' },
			{ name: 'agents’ processor time', unit: 'cores', better: 'lower' },
			{ name: 'verifier’s event loop, p99', unit: 'ms', better: 'lower' },
			{ name: 'verifier’s memory', unit: 'KB an agent', better: 'lower' },
			{ name: 'store', unit: 'bytes a round', better: 'lower' },
		],
		ours,
		peers: sides,
		most: { rounds: 1, warmUp: 0 },
	};
}

function intervalSide(size: number): Side {
	return {
		name: `${size.toLocaleString('en')} agents`,
		check: () => checkFleet({ count: 1, store: 'file' }),
		round: seconds =>
			withFleet(size, { count: 1, store: 'file' }, async fleet => {
				const [verifier] = fleet.site.verifiers;
				assert.ok(verifier);
				// Rounds of all are spread over the interval when it has passed once.
				await playIntervals(fleet, interval, interval);
				await eventLoopDelay(verifier.ready.ops);
				const store = await fleet.site.storeSize();
				const [cpu, own, begin] = [verifier.cpuTime(), process.cpuUsage(), performance.now()];
				const late = await playIntervals(fleet, interval, Math.max(2 * interval, seconds));
				const passed = (performance.now() - begin) / 1000;
				const { user, system } = process.cpuUsage(own);
				const used = verifier.cpuTime() - cpu;
				late.sort((a, b) => a - b);
				return {
					'': late.length / passed,
					'late, p50': late[Math.floor(late.length * 0.5)] ?? Number.NaN,
					'late, p99': late[Math.floor(late.length * 0.99)] ?? Number.NaN,
					'verifier’s processor time': used / 1e6 / passed,
					'agents’ processor time': (user + system) / 1e6 / passed,
					'of that, a round': used / late.length,
					'verifier’s event loop, p99': await eventLoopDelay(verifier.ready.ops),
					'verifier’s memory': (verifier.residentMemory() - fleet.memoryBefore) / 1000 / size,
					store: ((await fleet.site.storeSize()) - store) / late.length,
				};
			}),
	};
}

/** As many rounds as there is time for, by several verifiers on one database; beside that, by one with its file. */
export function severalVerifiers(agents: number): BenchCase {
	const side = (name: string, of: { readonly count: number; readonly store: 'file' | 'postgres' }): Side => ({
		name,
		check: () => checkFleet(of),
		round: seconds =>
			withFleet(agents, of, async fleet => {
				await playSaturated(fleet, callers, seconds / 2);
				const { verifiers } = fleet.site;
				const cpu = () => verifiers.reduce((sum, each) => sum + each.cpuTime(), 0);
				const [before, begin] = [cpu(), performance.now()];
				const done = await playSaturated(fleet, callers, seconds);
				const passed = (performance.now() - begin) / 1000;
				return { '': done / passed, 'verifiers’ processor time': (cpu() - before) / done };
			}),
	});
	return {
		name: `${callers} nodes at once, as fast as they are answered`,
		figures: [
			{ name: '', unit: 'rounds a second', better: 'higher' },
			{ name: 'verifiers’ processor time', unit: 'µs a round', better: 'lower' },
		],
		ours: side('two verifiers, PostgreSQL', { count: 2, store: 'postgres' }),
		peers: [
			side('one verifier, PostgreSQL', { count: 1, store: 'postgres' }),
			side('one verifier, SQLite', { count: 1, store: 'file' }),
		],
		most: { rounds: 3, warmUp: 0 },
	};
}

async function withFleet<R>(
	size: number,
	of: { readonly count: number; readonly store: 'file' | 'postgres' },
	work: (fleet: Fleet) => Promise<R>,
): Promise<R> {
	const fleet = await openFleet(size, { ...of, interval });
	try {
		return await work(fleet);
	} finally {
		await fleet.close();
	}
}

/** A good node is attested round after round; one that has measured something else is cut off. */
const checkFleet = (of: { readonly count: number; readonly store: 'file' | 'postgres' }): Promise<void> =>
	withFleet(4, of, async fleet => {
		for (let n = 0; n < 8; n++) assert.ok((await fleet.round(n % 4)) > 0);
		fleet.measure(1, 4, Buffer.alloc(32, 1));
		await assert.rejects(fleet.round(1), /revoked, PcrChanged/);
	});

/** Milliseconds, the 99th of a hundred since it was asked last. */
async function eventLoopDelay(ops: string): Promise<number> {
	const text = await (await fetch(`${ops}/metrics`)).text();
	return Number(/^nodejs_eventloop_lag_p99_seconds(?:\{.*\})? ([\d.e+-]+)$/m.exec(text)?.[1]) * 1000;
}
