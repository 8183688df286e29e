import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { openStore } from '../../common/store/open-store.ts';
import type { Store } from '../../common/store/store.ts';
import { createRoster, type OperatorEntry, type Roster, type RosterEntry } from './roster.ts';
import { type Origin, openSessions, type SessionsDeps } from './sessions.ts';

const entries: OperatorEntry[] = [
	{ name: 'hso-operator', party: 'HSO' },
	{ name: 'cp-operator', party: 'CP' },
];
const minute = 60_000;
const here: Origin = { network: '10.0.0.1', certificate: null };

interface Bench {
	readonly clock: FakeClock;
	readonly store: Store;
	readonly file: string;
	roster: Roster;
	entry(name: string): RosterEntry;
	open(options?: Partial<SessionsDeps>): ReturnType<typeof openSessions>;
}

function withBench(title: string, body: (t: ExecutionContext, bench: Bench) => Promise<void>): void {
	test(title, async t => {
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-sessions-'));
		const file = join(folder, 'sessions.json');
		const store = await openStore({ engine: 'lowdb', file });
		const clock = new FakeClock();
		const bench: Bench = {
			clock,
			store,
			file,
			roster: createRoster(entries, ['HSO', 'CP']),
			entry(name) {
				const entry = bench.roster.find(name);
				if (entry === undefined) throw new Error(`no ${name}`);
				return entry;
			},
			open: options => openSessions({ store, clock, roster: () => bench.roster, ...options }),
		};
		try {
			await body(t, bench);
		} finally {
			await store.close();
			await rm(folder, { recursive: true });
		}
	});
}

withBench('a token finds its session and no other token does', async (t, bench) => {
	const sessions = await bench.open();
	const { session, token } = await sessions.open(bench.entry('hso-operator'), here);
	t.regex(token, /^[A-Za-z0-9_-]{43}$/);
	t.deepEqual(sessions.use(token, here)?.operator, { name: 'hso-operator', party: 'HSO' });
	t.is(sessions.use(token, here)?.id, session.id);
	for (const other of ['', session.id, token.slice(1), `${token}=`, token.toLowerCase()]) {
		t.is(sessions.use(other, here), undefined);
	}
	await sessions.close();
});

withBench('neither token nor anything that opens a session is on disk', async (t, bench) => {
	const sessions = await bench.open();
	const { token } = await sessions.open(bench.entry('hso-operator'), here);
	const written = await readFile(bench.file, 'utf8');
	t.true(written.includes('hso-operator'));
	t.false(written.includes(token));
	t.false(written.includes(Buffer.from(token, 'base64url').toString('hex')));
	await sessions.close();
});

withBench('a session outlives a restart, until its absolute end', async (t, bench) => {
	const first = await bench.open();
	const { session, token } = await first.open(bench.entry('cp-operator'), here);
	await first.close();
	bench.clock.advance(25 * minute);
	const second = await bench.open({ absoluteTimeout: 50 * minute });
	t.is(second.use(token, here)?.id, session.id);
	bench.clock.advance(24 * minute);
	t.truthy(second.use(token, here));
	bench.clock.advance(minute);
	t.is(second.use(token, here), undefined);
	await second.close();
	const third = await bench.open();
	t.is(third.use(token, here), undefined, 'its end is on disk');
	await third.close();
});

withBench('use keeps a session alive, looking at it does not', async (t, bench) => {
	const sessions = await bench.open();
	const used = await sessions.open(bench.entry('hso-operator'), here);
	const idle = await sessions.open(bench.entry('hso-operator'), here);
	bench.clock.advance(29 * minute);
	t.truthy(sessions.use(used.token, here));
	t.truthy(sessions.get(idle.session.id));
	bench.clock.advance(minute);
	t.truthy(sessions.use(used.token, here));
	t.is(sessions.get(idle.session.id), undefined);
	t.is(sessions.use(idle.token, here), undefined);
	await sessions.close();
});

withBench('an ended session is gone, at once and after a restart', async (t, bench) => {
	const sessions = await bench.open();
	const { session, token } = await sessions.open(bench.entry('hso-operator'), here);
	const ended = sessions.end(session.id);
	t.is(sessions.use(token, here), undefined);
	t.true(await ended);
	t.false(await sessions.end(session.id));
	await sessions.close();
	const again = await bench.open();
	t.deepEqual(again.list(), []);
	await again.close();
});

withBench('lists by party', async (t, bench) => {
	const sessions = await bench.open();
	const hso = await sessions.open(bench.entry('hso-operator'), here);
	const cp = await sessions.open(bench.entry('cp-operator'), here);
	t.deepEqual(
		sessions.list('HSO').map(s => s.id),
		[hso.session.id],
	);
	t.deepEqual(
		sessions.list().map(s => s.id),
		[hso.session.id, cp.session.id].sort(),
	);
	t.deepEqual(sessions.list('XX'), []);
	await sessions.close();
});

withBench(
	'sessions of an operator who is removed, disabled or changed are over, others go on',
	async (t, bench) => {
		const certificate = 'a'.repeat(64);
		const changes: OperatorEntry[][] = [
			[],
			[{ name: 'hso-operator', party: 'HSO', disabled: true }],
			[{ name: 'hso-operator', party: 'CP' }],
			[{ name: 'hso-operator', party: 'HSO', certificate }],
		];
		const before = bench.roster;
		for (const change of changes) {
			bench.roster = before;
			const sessions = await bench.open();
			const hso = await sessions.open(bench.entry('hso-operator'), here);
			const cp = await sessions.open(bench.entry('cp-operator'), here);
			bench.roster = createRoster([...change, { name: 'cp-operator', party: 'CP' }], ['HSO', 'CP']);
			t.is(sessions.use(hso.token, here), undefined);
			t.truthy(sessions.use(cp.token, here));
			bench.roster = before;
			t.is(sessions.use(hso.token, here), undefined, 'and do not come back');
			await sessions.close();
		}
	},
);

withBench('the least recently used session makes room', async (t, bench) => {
	const sessions = await bench.open({ perOperator: 2 });
	const tokens: string[] = [];
	for (let i = 0; i < 3; i++) {
		tokens.push((await sessions.open(bench.entry('hso-operator'), here)).token);
		bench.clock.advance(1);
		if (i === 1) sessions.use(tokens[0] ?? '', here);
		bench.clock.advance(1);
	}
	t.deepEqual(
		tokens.map(token => sessions.use(token, here) !== undefined),
		[true, false, true],
	);
	await sessions.close();
});

withBench('a session that could not be written is not opened', async (t, bench) => {
	const sessions = await bench.open();
	await bench.store.close();
	await t.throwsAsync(sessions.open(bench.entry('hso-operator'), here), { code: 'StoreClosed' });
	t.deepEqual(sessions.list(), []);
	await sessions.close();
});

withBench('one that cannot be erased is over all the same, and its fault is told', async (t, bench) => {
	const faults: unknown[] = [];
	const sessions = await bench.open({ onFault: error => faults.push(error) });
	const { token } = await sessions.open(bench.entry('hso-operator'), here);
	await bench.store.close();
	bench.clock.advance(31 * minute);
	t.is(sessions.use(token, here), undefined);
	await sessions.close();
	t.is((faults[0] as { code?: string }).code, 'StoreClosed');
});

const elsewhere: Origin = { network: '10.0.0.2', certificate: null };
const shown: Origin = { network: '10.0.0.1', certificate: 'aa' };
for (const [boundTo, ...usable] of [
	['address', true, false, false],
	['certificate', true, true, false],
	['none', true, true, true],
] as const) {
	withBench(`bound to ${boundTo}: where else a token is good, also after a restart`, async (t, bench) => {
		const reported: unknown[] = [];
		const options: Partial<SessionsDeps> = {
			boundTo,
			onElsewhere: (session, from) => void reported.push([session.operator.name, from]),
		};
		const first = await bench.open(options);
		const { token } = await first.open(bench.entry('hso-operator'), here);
		const uses = (sessions: typeof first) =>
			[here, elsewhere, shown].map(from => sessions.use(token, from) !== undefined);
		t.deepEqual(uses(first), [...usable]);
		t.deepEqual(uses(first), [...usable], 'and it is still good where it was');
		t.is(reported.length, usable.filter(each => !each).length, 'each place once');
		await first.close();
		const second = await bench.open(options);
		t.deepEqual(uses(second), [...usable]);
		await second.close();
	});
}

withBench('setting the clock neither keeps a session nor brings one back', async (t, bench) => {
	const sessions = await bench.open();
	const { token } = await sessions.open(bench.entry('hso-operator'), here);
	bench.clock.jump(20 * minute);
	t.truthy(sessions.use(token, here), 'no time has passed');
	bench.clock.jump(-24 * 60 * minute);
	bench.clock.advance(30 * minute);
	t.is(sessions.use(token, here), undefined, 'half an hour has');
	const other = await sessions.open(bench.entry('hso-operator'), here);
	bench.clock.jump(13 * 60 * minute);
	t.is(sessions.use(other.token, here), undefined, 'its end, by the time of day, is over');
	await sessions.close();
});
