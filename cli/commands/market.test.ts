// The market's commands, against the service over HTTP; it is New Year 2026 on the terminal's clock.
import test from 'ava';
import { jsonOf, plain, startMarketTerminal as start } from '../market/test-market.ts';
import { createTerminal } from '../test-terminal.ts';

test('offer, bid, lease, and where the credits went', async t => {
	const { run } = await start(t);
	t.snapshot((await run('admin', 'credits', 'grant', 'blue', '100')).out, 'grant');
	t.snapshot((await run('blue', 'credits', 'show')).out, 'credits');
	const terms = ['--until', '+7d', '--price', '278', '--shortest', '1h', '--recall', '30m'];
	t.snapshot(plain((await run('red', 'offer', 'make', '--where', 'model=R640', ...terms)).out), 'offer');
	t.snapshot(plain((await run('blue', 'offer', 'list')).out), 'offers');

	const wish = ['--quantity', '2', '--length', '12h', '--earliest', '2026-01-02T06:00Z'];
	const lost = await run('blue', 'bid', 'place', ...wish, '--price', '100');
	t.is(lost.code, 10);
	t.snapshot(plain(lost.out), 'lost');
	const waits = await run(
		'blue',
		'bid',
		'place',
		...wish,
		'--price',
		'100',
		'--wait-until',
		'+1d',
		'--once',
		'k',
		'--lower',
		'+1d=50',
		'--lower',
		'sat,sun 08:00-20:00=70',
		'--zone',
		'Europe/Berlin',
	);
	t.is(waits.code, 4, waits.err);
	const [{ id: bid = '' } = {}] = jsonOf(await run('blue', 'bid', 'list', '--json')).bids as { id: string }[];
	t.snapshot(plain((await run('blue', 'bid', 'show', bid)).out), 'bid');
	t.snapshot(plain((await run('blue', 'bid', 'why', bid)).out), 'why');
	t.is((await run('blue', 'bid', 'withdraw', bid)).code, 0);

	const placed = await run('blue', 'bid', 'place', ...wish, '--price', '300');
	t.is(placed.code, 0);
	t.snapshot(plain(placed.out), 'leased');
	t.snapshot(plain((await run('red', 'lease', 'list')).out), 'leases');
	const [{ id: lease = '' } = {}] = jsonOf(await run('blue', 'lease', 'list', '--json')).leases as {
		id: string;
	}[];
	t.is((await run('blue', 'lease', 'extend', lease, '--until', '2026-01-02T20:00Z')).code, 0);
	t.snapshot((await run('blue', 'calendar', 'node1', '--days', '3')).out, 'calendar of a server');
	t.snapshot((await run('blue', 'calendar', '--days', '4')).out, 'calendar');
	t.snapshot((await run('blue', 'prices')).out.replaceAll(/1970-01-\d\d/g, 'DAY'), 'prices');
	t.is((await run('blue', 'lease', 'cancel', lease)).code, 0);
	const statement = jsonOf(await run('blue', 'credits', 'statement', '--json')).lines as {
		balance: string;
	}[];
	t.is(statement.at(-1)?.balance, '100');

	const inPieces = ['--quantity', '3', '--pieces', '12h', '--deadline', '+1d', '--price', '300'];
	t.snapshot(plain((await run('blue', 'bid', 'place', ...inPieces, '--length', '25h')).out), 'pieces, lost');
	t.snapshot(plain((await run('blue', 'bid', 'place', ...inPieces, '--length', '20h')).out), 'pieces');
});

test('what is leased is offered on, as far as its offer lets it', async t => {
	const { run } = await start(t);
	t.is((await run('admin', 'credits', 'grant', 'blue', '100')).code, 0);
	const terms = ['--until', '+7d', '--price', '278'];
	t.is((await run('red', 'offer', 'make', '--server', 'node1', ...terms, '--sublease', 'green')).code, 0);
	t.is((await run('red', 'offer', 'make', '--server', 'node2', ...terms)).code, 0);
	const wish = ['--length', '2d', '--earliest', '2026-01-02', '--price', '300', '--quantity', '2', '--json'];
	const { lease } = jsonOf(await run('blue', 'bid', 'place', ...wish)) as { lease: { id: string } };
	const let1 = [
		'offer',
		'make',
		'--lease',
		lease.id,
		'--from',
		'2026-01-02',
		'--until',
		'2026-01-03',
		'--price',
		'300',
	];
	t.regex((await run('blue', ...let1)).err, /node2 was offered for blue's own use/);
	t.regex((await run('blue', ...let1, '--server', 'node1', '--to', 'red')).err, /may not go to red/);
	t.snapshot(plain((await run('blue', ...let1, '--server', 'node1')).out), 'leased on');
	t.regex((await run('blue', ...let1, '--server', 'node1', '--where', 'model=R640')).err, /which servers/);
});

test('Tab completes ids of offers, bids and leases, and names of servers, as far as one may see them', async t => {
	const { home, run } = await start(t);
	const complete = async (as: 'red' | 'blue', ...words: readonly string[]) => {
		const last = words.at(-2)?.startsWith('--') ? -2 : -1;
		const all = [...words.slice(0, last), '--as', as, ...words.slice(last)];
		const { out } = await createTerminal({ cwd: home, env: { BIMETAL_HOME: home } }).run(
			'__complete',
			'--',
			...all,
		);
		return out.split('\n').filter(Boolean);
	};
	const completeValue = (as: 'red' | 'blue', option: string) => complete(as, 'bid', 'place', option, '');
	await run('admin', 'credits', 'grant', 'blue', '100');
	const terms = ['--until', '+7d', '--price', '278', '--server', 'node1', '--to', 'blue', '--json'];
	const { id: offer } = jsonOf(await run('red', 'offer', 'make', ...terms));
	t.deepEqual(await complete('blue', 'offer', 'show', ''), [offer]);
	t.deepEqual(await completeValue('blue', '--server'), ['node1', 'node2', 'node3']);
	t.deepEqual(await complete('blue', 'calendar', 'node1', ''), []);
	t.deepEqual(await complete('blue', 'calendar', ''), ['node1', 'node2', 'node3']);
	const wish = ['--length', '2h', '--latest', '+1d', '--price', '300'];
	await run('blue', 'bid', 'place', ...wish, '--quantity', '2', '--wait-until', '+1h');
	const [bid] = jsonOf(await run('blue', 'bid', 'list', '--json')).bids as { id: string }[];
	t.deepEqual(await complete('blue', 'bid', 'withdraw', ''), [bid?.id]);
	t.deepEqual(await complete('red', 'bid', 'withdraw', ''), []);
	const placed = jsonOf(await run('blue', 'bid', 'place', ...wish, '--earliest', '+1h', '--json'));
	const { id: lease } = placed.lease as { id: string };
	t.deepEqual(await complete('blue', 'lease', 'extend', ''), [lease]);
	t.deepEqual(await complete('red', 'lease', 'recall', lease.slice(0, 8)), [lease]);
	t.is((await run('blue', 'lease', 'cancel', lease)).code, 0);
	t.deepEqual(await complete('blue', 'lease', 'show', ''), []);
	t.deepEqual(await completeValue('blue', '--same-as'), [lease]);
	t.deepEqual(await complete('blue', 'market', 'events', '--of', ''), [offer, bid?.id]);
	t.deepEqual(await complete('blue', 'market', 'servers', '--project', ''), ['red']);
	t.deepEqual(await complete('blue', 'credits', 'transfer', ''), ['red']);
});

test('what is not understood or refused is said, with what to do next', async t => {
	const { run } = await start(t);
	const said = async (...argv: readonly string[]) => plain((await run('blue', ...argv)).err);
	t.regex(await said('bid', 'place', '--length', '12', '--price', '1'), /12h/);
	t.regex(await said('bid', 'place', '--length', '12h', '--price', '0.5'), /microcredits/);
	t.regex(await said('bid', 'place', '--length', '12h', '--price', '9', '--lower', 'sun=3'), /\+2h/);
	t.regex(await said('bid', 'place', '--length', '12h', '--price', '9', '--lower', '+1h=30'), /highest/);
	t.regex(await said('offer', 'make', '--until', 'tomorrow', '--price', '1'), /2026-12-01/);
	t.regex(await said('offer', 'make', '--until', '+1d', '--price', '1'), /--where/);
	t.regex(await said('offer', 'make', '--where', 'model~R', '--until', '+1d', '--price', '1'), /NAME=VALUE/);
	const attested = ['bid', 'place', '--length', '12h', '--price', '9', '--attestation', 'provider'];
	t.regex(await said(...attested), /--network NIC:NETWORK/);
	t.regex(
		await said('bid', 'place', '--length', '12h', '--price', '9', '--policy', 'p'),
		/--attestation provider/,
	);
	t.regex(await said(...attested, '--network', 'eth0:inner'), /Nobody attests servers here/);
	t.regex(await said('bid', 'why', 'none'), /no bid none.*\n.*bid list --all/);
	t.regex(await said('credits', 'show'), /credits grant/);
	t.is((await run('blue', 'credits', 'show', '--project', 'red')).code, 3);
});
