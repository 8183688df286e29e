// What the market has, and what happens there, as three people see it; it is New Year 2026 on the terminal's clock.
import test from 'ava';
import { leases } from '../../market/lease/lease.ts';
import { jsonOf, plain, startMarketTerminal } from '../market/test-market.ts';
import { createTerminal } from '../test-terminal.ts';

const terms = ['--until', '+7d', '--price', '278'];
const kindsIn = (text: string): string[] =>
	text
		.trim()
		.split('\n')
		.map(line => (JSON.parse(line) as { kind: string }).kind);

test('servers are listed with what bids can ask for, and the cheapest offer of each', async t => {
	const { market, run } = await startMarketTerminal(t);
	const properties = { model: 'R650', memoryGib: 512 };
	await market.ok('PUT', '/v1/servers/node4', { owner: 'blue', properties, attestations: ['tpm2'] }, 'root');
	t.is((await run('red', 'offer', 'make', '--server', 'node1', ...terms)).code, 0);
	const later = ['--from', '+2d', '--until', '+9d', '--price', '100', '--shortest', '1d'];
	t.is((await run('red', 'offer', 'make', '--server', 'node2', '--to', 'green', ...terms)).code, 0);
	t.is((await run('blue', 'offer', 'make', '--server', 'node4', ...later)).code, 0);
	const list = (...more: string[]) => run('blue', 'market', 'servers', ...more);
	t.snapshot((await list()).out, 'an offer that is for others is not shown');
	const namesOf = async (...more: string[]) =>
		(jsonOf(await list('--json', ...more)).servers as { name: string }[]).map(({ name }) => name);
	t.deepEqual(await namesOf('--offered'), ['node1', 'node4']);
	t.deepEqual(await namesOf('--where', 'memoryGib>=512'), ['node4']);
	t.deepEqual(await namesOf('--project', 'red'), ['node1', 'node2', 'node3']);
	t.is((await list('--where', 'model=none')).out, 'There is no such server.\n');
	t.is((await list('--where', 'model=none', '--offered')).out, 'No such server is offered.\n');
});

test('events are shown to whom they concern, from a number on, of one thing, the last ones only', async t => {
	const { run } = await startMarketTerminal(t);
	t.is((await run('blue', 'market', 'events')).out, 'Nothing has happened.\n');
	t.is((await run('admin', 'credits', 'grant', 'blue', '100')).code, 0);
	for (const server of ['node1', 'node2'])
		t.is((await run('red', 'offer', 'make', '--server', server, ...terms)).code, 0);
	const wish = ['--length', '12h', '--earliest', '+1h', '--price', '300', '--json'];
	const placed = jsonOf(await run('blue', 'bid', 'place', '--server', 'node1', ...wish)) as {
		lease: { id: string };
	};
	const { id } = placed.lease;
	t.is((await run('blue', 'lease', 'cancel', id)).code, 0);
	t.snapshot(plain((await run('blue', 'market', 'events')).out), 'events');

	const all = jsonOf(await run('blue', 'market', 'events', '--json')) as {
		events: { id: string; kind: string; of: string }[];
		next: string;
	};
	const ofBlue = all.events.map(({ kind }) => kind);
	const asked = async (...more: string[]) => {
		const { events } = jsonOf(await run('blue', 'market', 'events', '--json', ...more)) as typeof all;
		return events.map(({ kind }) => kind);
	};
	for (const [index, { id: number }] of all.events.entries())
		t.deepEqual(await asked('--after', String(Number(number))), ofBlue.slice(index + 1));
	t.deepEqual(await asked('--after', all.next), []);
	t.deepEqual(await asked('--last', '1'), ['lease.cancelled']);
	t.true((await asked('--of', id)).every(kind => kind.startsWith('lease.')));
	t.is((await run('blue', 'market', 'events', '--after', 'x')).code, 2);
});

test('what is followed comes as it happens, and Ctrl-C tells where to go on', async t => {
	t.timeout(60_000);
	const { market, home, run } = await startMarketTerminal(t);
	t.is((await run('red', 'offer', 'make', '--server', 'node1', ...terms)).code, 0);
	const terminal = createTerminal({ cwd: home, env: { BIMETAL_HOME: home } });
	/** Until so many lines have come. */
	const lines = (count: number) =>
		new Promise<string>(resolve => {
			let printed = '';
			const onData = (chunk: Buffer): void => {
				printed += chunk;
				if (printed.split('\n').length <= count) return;
				terminal.context.stdout.removeListener('data', onData);
				resolve(printed);
			};
			terminal.context.stdout.on('data', onData);
		});
	const first = lines(1);
	const following = terminal.run('market', 'events', '--follow', '--json', '--as', 'blue');
	t.deepEqual(kindsIn(await first), ['offer.made']);
	const second = lines(1);
	const { id } = await market.ok('POST', '/v1/offers', {
		project: 'red',
		servers: { names: ['node2'] },
		times: { type: 'once', intervals: [{ start: 1_800_000_000, end: 1_800_086_400 }] },
		price: '100',
		shortest: 3600,
		longest: 86_400,
		to: null,
		recallNotice: null,
	});
	t.deepEqual(kindsIn(await second), ['offer.made']);
	terminal.interrupt.abort();
	const ended = await following;
	t.is(ended.code, 0);
	const again = /Go on from here: bimetal market events --follow --after (\d{16}) --as blue\n/;
	const [, next = ''] = again.exec(ended.err) ?? [];
	t.is((await run('red', 'offer', 'withdraw', String(id))).code, 0);
	const since = await run('blue', 'market', 'events', '--after', next, '--json');
	t.deepEqual(
		(jsonOf(since).events as { kind: string }[]).map(({ kind }) => kind),
		['offer.withdrawn'],
	);
});

test('a server that is cut off during its lease stands in it, and is marked in the list', async t => {
	const { market, run } = await startMarketTerminal(t);
	t.is((await run('admin', 'credits', 'grant', 'blue', '100')).code, 0);
	t.is((await run('red', 'offer', 'make', '--server', 'node1', ...terms)).code, 0);
	const wish = ['--length', '12h', '--earliest', '+1h', '--price', '300', '--json'];
	const attested = ['--attestation', 'provider', '--network', 'eth0:inner', '--awaits-payload'];
	t.is((await run('blue', 'bid', 'place', ...wish, ...attested)).code, 9, 'nobody attests here');
	const { lease } = jsonOf(await run('blue', 'bid', 'place', ...wish)) as { lease: { id: string } };
	const cut = { server: 'node1', at: 1_800_000_000, code: 'FileNotAllowed', reason: 'entry 22' };
	await market.store.transact(async tx => {
		const found = await tx.get(leases, lease.id);
		if (!found) throw new Error('no lease');
		const losses = [
			{ ...cut, until: 1_800_000_060 },
			{ ...cut, until: null },
		];
		await tx.put(leases, lease.id, { ...found, losses });
	});
	const { out } = await run('blue', 'lease', 'show', lease.id);
	t.regex(out, /cut off +node1 from 2027-01-15 08:00Z to 2027-01-15 08:01Z: FileNotAllowed: entry 22\n/);
	t.regex(out, /cut off +node1 since 2027-01-15 08:00Z: FileNotAllowed: entry 22\n/);
	t.regex((await run('blue', 'lease', 'list')).out, /reserved!/);
});
