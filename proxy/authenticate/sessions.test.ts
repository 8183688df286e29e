import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { openStore } from '../../common/store/open-store.ts';
import type { Store } from '../../common/store/store.ts';
import { createRoster, type OperatorEntry, type Roster, type RosterEntry } from './roster.ts';
import { openSessions, type SessionsDeps } from './sessions.ts';

const entries: OperatorEntry[] = [
	{ name: 'hso-operator', party: 'HSO' },
	{ name: 'cp-operator', party: 'CP' },
];
const minute = 60_000;

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
	const { session, token } = await sessions.open(bench.entry('hso-operator'));
	t.regex(token, /^[A-Za-z0-9_-]{43}$/);
	t.deepEqual(sessions.use(token)?.operator, { name: 'hso-operator', party: 'HSO' });
	t.is(sessions.use(token)?.id, session.id);
	for (const other of ['', session.id, token.slice(1), `${token}=`, token.toLowerCase()]) {
		t.is(sessions.use(other), undefined);
	}
	await sessions.close();
});

withBench('neither token nor anything that opens a session is on disk', async (t, bench) => {
	const sessions = await bench.open();
	const { token } = await sessions.open(bench.entry('hso-operator'));
	const written = await readFile(bench.file, 'utf8');
	t.true(written.includes('hso-operator'));
	t.false(written.includes(token));
	t.false(written.includes(Buffer.from(token, 'base64url').toString('hex')));
	await sessions.close();
});

withBench('a session outlives a restart, until its absolute end', async (t, bench) => {
	const first = await bench.open();
	const { session, token } = await first.open(bench.entry('cp-operator'));
	await first.close();
	bench.clock.advance(25 * minute);
	const second = await bench.open({ absoluteTimeout: 50 * minute });
	t.is(second.use(token)?.id, session.id);
	bench.clock.advance(24 * minute);
	t.truthy(second.use(token));
	bench.clock.advance(minute);
	t.is(second.use(token), undefined);
	await second.close();
	const third = await bench.open();
	t.is(third.use(token), undefined, 'its end is on disk');
	await third.close();
});

withBench('use keeps a session alive, looking at it does not', async (t, bench) => {
	const sessions = await bench.open();
	const used = await sessions.open(bench.entry('hso-operator'));
	const idle = await sessions.open(bench.entry('hso-operator'));
	bench.clock.advance(29 * minute);
	t.truthy(sessions.use(used.token));
	t.truthy(sessions.get(idle.session.id));
	bench.clock.advance(minute);
	t.truthy(sessions.use(used.token));
	t.is(sessions.get(idle.session.id), undefined);
	t.is(sessions.use(idle.token), undefined);
	await sessions.close();
});

withBench('an ended session is gone, at once and after a restart', async (t, bench) => {
	const sessions = await bench.open();
	const { session, token } = await sessions.open(bench.entry('hso-operator'));
	const ended = sessions.end(session.id);
	t.is(sessions.use(token), undefined);
	t.true(await ended);
	t.false(await sessions.end(session.id));
	await sessions.close();
	const again = await bench.open();
	t.deepEqual(again.list(), []);
	await again.close();
});

withBench('lists by party', async (t, bench) => {
	const sessions = await bench.open();
	const hso = await sessions.open(bench.entry('hso-operator'));
	const cp = await sessions.open(bench.entry('cp-operator'));
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
			const hso = await sessions.open(bench.entry('hso-operator'));
			const cp = await sessions.open(bench.entry('cp-operator'));
			bench.roster = createRoster([...change, { name: 'cp-operator', party: 'CP' }], ['HSO', 'CP']);
			t.is(sessions.use(hso.token), undefined);
			t.truthy(sessions.use(cp.token));
			bench.roster = before;
			t.is(sessions.use(hso.token), undefined, 'and do not come back');
			await sessions.close();
		}
	},
);

withBench('the least recently used session makes room', async (t, bench) => {
	const sessions = await bench.open({ perOperator: 2 });
	const tokens: string[] = [];
	for (let i = 0; i < 3; i++) {
		tokens.push((await sessions.open(bench.entry('hso-operator'))).token);
		bench.clock.advance(1);
		if (i === 1) sessions.use(tokens[0] ?? '');
		bench.clock.advance(1);
	}
	t.deepEqual(
		tokens.map(token => sessions.use(token) !== undefined),
		[true, false, true],
	);
	await sessions.close();
});

withBench('a session that could not be written is not opened', async (t, bench) => {
	const sessions = await bench.open();
	await bench.store.close();
	await t.throwsAsync(sessions.open(bench.entry('hso-operator')), { code: 'StoreClosed' });
	t.deepEqual(sessions.list(), []);
	await sessions.close();
});

withBench('one that cannot be erased is over all the same, and its fault is told', async (t, bench) => {
	const faults: unknown[] = [];
	const sessions = await bench.open({ onFault: error => faults.push(error) });
	const { token } = await sessions.open(bench.entry('hso-operator'));
	await bench.store.close();
	bench.clock.advance(31 * minute);
	t.is(sessions.use(token), undefined);
	await sessions.close();
	t.is((faults[0] as { code?: string }).code, 'StoreClosed');
});
