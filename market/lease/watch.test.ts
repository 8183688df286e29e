// A server that is cut off, or taken away, while it is leased: its lessee is told, and it stands in the lease.
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { listEvents } from '../event/events.ts';
import { now } from '../market.fixture.ts';
import { leaseBench } from './driver.fixture.ts';
import type { Standing } from './fulfilment.ts';
import { leases } from './lease.ts';
import { createWatch } from './watch.ts';

const cut = { code: 'FileNotAllowed', reason: 'the 22nd entry' };
const taken = { code: 'NodeTaken', reason: "it is project green's in hil" };

/** r1 and r2 are blue's by a lease that runs; what becomes of them is set. */
async function start(t: Pick<ExecutionContext, 'teardown'>) {
	const bench = await leaseBench(t);
	await bench.market.offer({ price: '2', sublease: { to: null }, longest: 900 });
	const id = await bench.book({ length: 900, latest: now + 50 });
	await bench.pass(60);
	const clock = new FakeClock((now + 60) * 1000);
	const standings = new Map<string, Standing>();
	const asked: string[] = [];
	let isAway = false;
	const watch = createWatch({
		store: bench.market.store,
		async inspect(handovers) {
			asked.push(handovers.map(({ project, servers }) => `${project}: ${servers.join(' ')}`).join('; '));
			if (isAway) throw new Error('nobody answers');
			return standings;
		},
		clock,
		logger: silentLogger,
		onChange: () => undefined,
	});
	t.teardown(() => watch.close());
	const look = async () => {
		watch.wake();
		await watch.idle();
	};
	const kinds = async () => {
		const found = await bench.market.store.read(tx => listEvents(tx, { after: '', limit: 1000 }, () => true));
		return found.events.filter(({ of }) => of === id).map(({ kind }) => kind);
	};
	return {
		...{ bench, id, clock, standings, asked, look, kinds },
		away(to: boolean) {
			isAway = to;
		},
		losses: async () => (await bench.lease(id)).losses ?? [],
	};
}

test('a server that is cut off stands in its lease and is told once; that it is back, too', async t => {
	const { id, bench, clock, standings, asked, look, kinds, losses, away } = await start(t);
	const before = await kinds();
	standings.set('r1', 'held').set('r2', 'held');
	await look();
	t.deepEqual(asked, ['blue: r1 r2']);
	t.deepEqual([await losses(), await kinds()], [[], before]);

	standings.set('r2', cut);
	clock.advance(30_000);
	await look();
	await look();
	t.deepEqual(await losses(), [{ server: 'r2', at: now + 90, until: null, ...cut }]);
	t.deepEqual(await kinds(), [...before, 'lease.cut-off']);
	// What cannot be told changes nothing, nor does nobody's answer.
	standings.delete('r2');
	await look();
	away(true);
	await look();
	away(false);
	t.is((await losses())[0]?.until, null);

	standings.set('r2', taken);
	clock.advance(10_000);
	await look();
	standings.set('r2', 'held');
	clock.advance(10_000);
	await look();
	t.deepEqual(await losses(), [
		{ server: 'r2', at: now + 90, until: now + 100, ...cut },
		{ server: 'r2', at: now + 100, until: now + 110, ...taken },
	]);
	t.deepEqual(await kinds(), [...before, 'lease.cut-off', 'lease.cut-off', 'lease.restored']);
	t.is((await bench.lease(id)).state, 'active', 'it goes on, and is paid for');
});

test('what was let on is looked at with who has it, and what is back with nobody', async t => {
	const { bench, id, standings, asked, look, losses } = await start(t);
	await bench.market.offer({
		...{ project: 'blue', under: id, servers: { names: ['r1'] }, price: '3', shortest: 10, longest: 500 },
		times: { type: 'once', intervals: [{ start: now + 60, end: now + 400 }] },
	});
	const wish = { quantity: 1, servers: { names: ['r1'] }, earliest: now + 60, latest: now + 70, length: 100 };
	const placed = await bench.market.bid('below', { ...wish, project: 'green', highest: '5' });
	if (placed.outcome !== 'leased') throw new Error(placed.outcome);
	bench.driver.wake(placed.id);
	await bench.pass(5);
	standings.set('r1', taken).set('r2', 'held');
	await look();
	t.deepEqual(asked.at(-1)?.split('; ').sort(), ['blue: r2', 'green: r1']);
	t.deepEqual(await losses(), []);
	const below = await bench.market.store.read(tx => tx.get(leases, placed.id));
	t.like(below?.losses, [{ server: 'r1', until: null }]);
	await bench.pass(1000);
	asked.length = 0;
	await look();
	t.deepEqual(asked, [], 'no lease runs any more');
});

test('whatever becomes of a server, its last loss is open exactly while it is lost, and losses follow each other', async t => {
	const step = fc.constantFrom<Standing | 'unknown'>('held', 'unknown', cut, taken);
	await fc.assert(
		fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
			const { clock, standings, look, losses } = await start(t);
			let known: Standing = 'held';
			for (const each of steps) {
				if (each === 'unknown') standings.delete('r1');
				else {
					standings.set('r1', each);
					known = each;
				}
				clock.advance(1000);
				await look();
				const found = await losses();
				const open = found.filter(({ until }) => until === null);
				t.deepEqual(
					open.map(({ code }) => code),
					known === 'held' ? [] : [known.code],
				);
				for (const [index, loss] of found.entries()) {
					const next = found[index + 1];
					if (next) t.true(loss.until !== null && loss.at < loss.until && loss.until <= next.at);
				}
			}
		}),
		{ numRuns: 20 },
	);
});
