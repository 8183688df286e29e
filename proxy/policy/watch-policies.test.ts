import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Clock, FakeClock } from '../../common/clock.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import type { PolicySet } from './policy-set.ts';
import { watchPolicies } from './watch-policies.ts';

const table =
	'- {type: X, operation: Reset, description: d, match: POST /redfish/v1/Systems, p2c: CP and hso}\n';

async function start(t: { teardown(fn: () => void | Promise<void>): void }, clock: Clock = new FakeClock()) {
	const folder = await mkdtemp(join(tmpdir(), 'policies-'));
	await mkdir(join(folder, 'hso'));
	await writeFile(join(folder, 'operations.yaml'), table);
	await writeFile(join(folder, 'hso/a.yaml'), 'Reset:\n  hso.pre: true\n');
	const sets: PolicySet[] = [];
	const errors: unknown[] = [];
	const policies = await watchPolicies({
		folder,
		parties: ['HSO', 'CP'],
		externalSources: [],
		clock,
		onChange: set => sets.push(set),
		onProblems: error => errors.push(error),
	});
	t.teardown(async () => {
		policies.close();
		await rm(folder, { recursive: true });
	});
	return { folder, policies, sets, errors };
}

test('a bad change keeps the last good policies; a good one is told once', async t => {
	const { folder, policies, sets, errors } = await start(t);
	const first = policies.current();
	await writeFile(join(folder, 'hso/a.yaml'), 'Reset:\n  hso.pre: tru\n');
	await policies.reload();
	t.is(policies.current(), first);
	t.is(errors.length, 1);
	t.true(errors[0] instanceof ConfigError);
	t.regex(String((errors[0] as Error).message), /hso\/a\.yaml:2:12: unknown name "tru"/);
	await writeFile(join(folder, 'hso/a.yaml'), 'Reset:\n  hso.pre: false\n');
	await policies.reload();
	await policies.reload();
	t.is(sets.length, 1);
	t.deepEqual([policies.current()], sets);
	t.not(policies.current().version, first.version);
});

test('bad policies at the start are refused', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'policies-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const quiet = { clock: new FakeClock(), onChange: () => undefined, onProblems: () => undefined };
	await t.throwsAsync(watchPolicies({ folder, parties: ['HSO'], externalSources: [], ...quiet }), {
		instanceOf: ConfigError,
	});
});

test('a changed file is noticed, after a moment of quiet', async t => {
	const fake = new FakeClock();
	let scheduled: () => void = () => undefined;
	const noticed = new Promise<void>(resolve => {
		scheduled = resolve;
	});
	const clock: Clock = {
		now: () => fake.now(),
		elapsed: () => fake.elapsed(),
		after(ms, fn) {
			const cancel = fake.after(ms, fn);
			scheduled();
			return cancel;
		},
	};
	const { folder, policies, sets } = await start(t, clock);
	await writeFile(join(folder, 'hso/a.yaml'), 'Reset:\n  hso.pre: false\n');
	await noticed;
	t.is(sets.length, 0);
	fake.advance(200);
	await policies.reload();
	t.is(sets.length, 1);
});

test('closed, it tells nothing any more', async t => {
	const { folder, policies, sets, errors } = await start(t);
	policies.close();
	await writeFile(join(folder, 'operations.yaml'), 'nonsense');
	await policies.reload();
	t.deepEqual([sets.length, errors.length], [0, 0]);
});
