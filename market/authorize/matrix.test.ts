// Who may do what on what, for every action of the table, as a page to read: matrix.golden.md.
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { now, someMarket } from '../market.fixture.ts';
import type { Actor } from './actor.ts';
import { type Arguments, authorize } from './decide.ts';
import { type ActionName, type Rule, rules } from './table.ts';

const golden = new URL('matrix.golden.md', import.meta.url);
const actor = (name: string, ...projects: readonly string[]): Actor => ({
	name,
	isAdmin: name === 'root',
	projects: new Set(projects),
});
const actors = [
	actor('root'),
	actor('member of red', 'red'),
	actor('member of blue', 'blue'),
	actor('member of none'),
];

type Situations = Readonly<Record<Rule, Readonly<Record<string, Arguments>>>>;

/** Red offers, blue leases. */
async function furnished() {
	const { store, offer, bid } = await someMarket();
	const toBlue = await offer({ servers: { names: ['r1'] }, to: ['blue'] });
	const toGreen = await offer({ servers: { names: ['r2'] }, to: ['green'] });
	const toAll = await offer({ servers: { names: ['r3'] }, sublease: { to: null } });
	const leased = await bid('k1', { quantity: 1 });
	const ofThird = { servers: { names: ['r3'] }, quantity: 1, earliest: now + 200, latest: now + 200 };
	const third = await bid('k3', ofThird);
	if (third.outcome !== 'leased') throw new Error('not as it is to be');
	const times = { type: 'once' as const, intervals: [{ start: now + 200, end: now + 300 }] };
	const under = await offer({
		project: 'blue',
		under: third.id,
		servers: { where: [] },
		times,
		to: ['green'],
	});
	const sub = await bid('k4', { project: 'green', ...ofThird });
	if (sub.outcome !== 'leased') throw new Error('not as it is to be');
	const waiting = await bid('k2', { quantity: 9, length: 50, waitUntil: now + 100 });
	if (leased.outcome !== 'leased' || waiting.outcome !== 'waiting') throw new Error('not as it is to be');
	const offered = {
		"red's offer to anybody": { offer: toAll },
		"red's offer to blue": { offer: toBlue },
		"red's offer to green": { offer: toGreen },
		"blue's offer of it to green, out of a lease": { offer: under },
		'no such offer': { offer: 'none' },
	};
	const lease = {
		"blue's lease of red's server": { lease: leased.id },
		"green's lease of it from blue": { lease: sub.id },
		'no such lease': { lease: 'none' },
	};
	const situations: Situations = {
		any: { '': {} },
		admin: { '': {} },
		project: { 'project red': { project: 'red' } },
		server: { "red's server": { server: 'r1' }, 'no such server': { server: 'none' } },
		'offer-visible': offered,
		offer: offered,
		bid: { "blue's bid": { bid: waiting.bid }, 'no such bid': { bid: 'none' } },
		'lease-visible': lease,
		lease,
		'lease-owner': {
			"blue's lease of red's server, as red": { lease: leased.id, project: 'red' },
			"blue's lease of red's server, as blue": { lease: leased.id, project: 'blue' },
			"green's lease of it from blue, as blue": { lease: sub.id, project: 'blue' },
			"green's lease of it from blue, as red": { lease: sub.id, project: 'red' },
		},
	};
	return { store, situations };
}

const cells: Readonly<Record<string, string>> = {
	ok: 'yes',
	Forbidden: '-',
	NoSuchServer: 'not there',
	NoSuchOffer: 'not there',
	NoSuchBid: 'not there',
	NoSuchLease: 'not there',
};

test('matrix.golden.md says for every action who may do it on what', async t => {
	const { store, situations } = await furnished();
	const rows: string[] = [];
	for (const [action, rule] of Object.entries(rules) as [ActionName, Rule][]) {
		for (const [situation, args] of Object.entries(situations[rule])) {
			const outcomes: string[] = [];
			for (const who of actors) {
				const code = await store
					.read(tx => authorize(tx, who, action, args))
					.then(
						() => 'ok',
						(error: { code?: string; message: string }) => error.code ?? error.message,
					);
				outcomes.push(cells[code] ?? `fault: ${code}`);
			}
			rows.push(`| ${[action, situation, ...outcomes].join(' | ')} |`);
		}
	}
	const matrix = [
		'# Who may do what',
		'',
		'Every action, tried on things of different owners. `-` is 403; `not there` is 404, also for what is there and not to be seen.',
		'Written by `UPDATE_GOLDEN=1 npx ava market/authorize/matrix.test.ts`; look at what has changed before you commit it.',
		'',
		`| Action | On | ${actors.map(({ name }) => (name === 'root' ? 'administrator' : name)).join(' | ')} |`,
		'| --- | --- | --- | --- | --- | --- |',
		...rows,
		'',
	].join('\n');
	if (process.env.UPDATE_GOLDEN !== undefined) await writeFile(golden, matrix);
	t.is(await readFile(golden, 'utf8'), matrix, 'see how to write it anew, and review what changed');
});
