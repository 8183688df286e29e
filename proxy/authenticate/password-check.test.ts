import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { createBasicCheck } from './basic.ts';
import { openLockouts } from './lockouts.ts';
import { createPasswordCheck } from './password-check.ts';
import { createRoster, type OperatorEntry } from './roster.ts';
import { createThrottle, networkOf } from './throttle.ts';

const password = 'p:ä';
const hash = await hashPassword(password);
const entries: OperatorEntry[] = [
	{ name: 'hso-operator', party: 'HSO', password: hash },
	{ name: 'cp-operator', party: 'CP', password: hash },
	{ name: 'no-password', party: 'CP' },
];
const header = (name: string, secret: string) =>
	`Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;

async function setUp(options: { concurrency?: number; queue?: number } = {}) {
	const clock = new FakeClock();
	const site = { roster: createRoster(entries, ['HSO', 'CP']) };
	const roster = () => site.roster;
	const lockouts = await openLockouts({ clock, roster });
	const deps = { clock, roster, lockouts, ...options };
	let checks = 0;
	const checkPassword = createPasswordCheck(deps);
	const checkBasic = createBasicCheck({
		...deps,
		checkPassword(...credentials) {
			checks++;
			return checkPassword(...credentials);
		},
	});
	return { clock, site, checkPassword, checkBasic, checks: () => checks };
}

test('right, wrong, unknown and without a password', async t => {
	const { checkPassword } = await setUp();
	t.is((await checkPassword('hso-operator', password, '127.0.0.1')).kind, 'right');
	t.is((await checkPassword('hso-operator', 'x', '127.0.0.1')).kind, 'wrong');
	t.is((await checkPassword('nobody', password, '127.0.0.1')).kind, 'wrong');
	t.is((await checkPassword('no-password', password, '127.0.0.1')).kind, 'wrong');
	t.is((await checkPassword('no-password', '', '127.0.0.1')).kind, 'wrong');
});

test.serial('an unknown operator costs the same work as a wrong password', async t => {
	const { checkPassword } = await setUp();
	await checkPassword('warm', 'up', 'a');
	let from = 0;
	const work = async (name: string, secret: string) => {
		const spent: unknown[] = [];
		const { scrypt } = crypto;
		const undo = replaceScrypt(((...args: Parameters<typeof scrypt>) => {
			const [, salt, length, cost] = args;
			spent.push({ salt: Buffer.from(salt as Buffer).length, length, cost });
			scrypt(...args);
		}) as typeof scrypt);
		const verdict = await checkPassword(name, secret, `${name} from ${from++}`).finally(undo);
		t.is(verdict.kind, 'wrong');
		return spent;
	};
	const known = await work('hso-operator', 'wrong');
	t.is(known.length, 1);
	// Work is counted, not timed: on a busy machine times say nothing.
	for (const [name, secret] of [
		['nobody', 'wrong'],
		['no-password', 'wrong'],
		['nobody', ''],
		['hso-operator', 'x'.repeat(2000)],
		['nobody', 'x'.repeat(2000)],
	] as const)
		t.deepEqual(await work(name, secret), known, `${name} with a password of ${secret.length}`);
});

/** Puts another scrypt in the place of node:crypto's, for whoever has imported it; gives what undoes that. */
function replaceScrypt(by: typeof crypto.scrypt): () => void {
	const before = crypto.scrypt;
	crypto.scrypt = by;
	syncBuiltinESMExports();
	return () => {
		crypto.scrypt = before;
		syncBuiltinESMExports();
	};
}

test('after five wrong passwords the operator has to wait at that address, and longer each time', async t => {
	const { clock, checkPassword } = await setUp();
	for (let i = 0; i < 6; i++) t.is((await checkPassword('hso-operator', 'x', '10.0.0.1')).kind, 'wrong');
	t.deepEqual(await checkPassword('hso-operator', password, '10.0.0.1'), {
		kind: 'throttled',
		retryAfter: 1000,
	});
	t.is(
		(await checkPassword('hso-operator', password, '10.0.0.2')).kind,
		'right',
		'elsewhere nothing has happened',
	);
	t.is((await checkPassword('cp-operator', password, '10.0.0.1')).kind, 'right', 'nor to others');
	clock.advance(1000);
	t.is((await checkPassword('hso-operator', 'x', '10.0.0.1')).kind, 'wrong');
	t.deepEqual(await checkPassword('hso-operator', password, '10.0.0.1'), {
		kind: 'throttled',
		retryAfter: 2000,
	});
	clock.advance(2000);
	t.is((await checkPassword('hso-operator', password, '10.0.0.1')).kind, 'right');
	t.is((await checkPassword('hso-operator', 'x', '10.0.0.1')).kind, 'wrong', 'and all is forgotten');
	t.is((await checkPassword('hso-operator', password, '10.0.0.1')).kind, 'right');
});

test('an unknown operator is throttled alike', async t => {
	const { checkPassword } = await setUp();
	for (let i = 0; i < 6; i++) await checkPassword('nobody', 'x', '10.0.0.1');
	t.deepEqual(await checkPassword('nobody', 'x', '10.0.0.1'), { kind: 'throttled', retryAfter: 1000 });
});

test('guesses sent at once count as well', async t => {
	const { checkPassword } = await setUp();
	const guesses = await Promise.all(
		Array.from({ length: 20 }, (_, i) => checkPassword('hso-operator', `guess ${i}`, '10.0.0.1')),
	);
	t.is(guesses.filter(verdict => verdict.kind === 'wrong').length, 6);
	t.is(guesses.filter(verdict => verdict.kind === 'throttled').length, 14);
});

test('more than can be checked or wait are busy, and that is no failure of theirs', async t => {
	const { checkPassword } = await setUp({ concurrency: 1, queue: 1 });
	const at = ['1', '2', '3', '3', '3', '3', '3', '3'].map(host => `10.0.0.${host}`);
	const verdicts = await Promise.all(at.map(address => checkPassword('hso-operator', password, address)));
	t.deepEqual(
		verdicts.map(verdict => verdict.kind),
		['right', 'right', ...Array(6).fill('busy')],
	);
	t.is((await checkPassword('hso-operator', password, '10.0.0.3')).kind, 'right');
});

test('a right Basic header is checked once, then answered at once for a minute', async t => {
	const { clock, checkBasic, checks } = await setUp();
	const right = header('hso-operator', password);
	const [first, second] = await Promise.all([checkBasic(right, 'a'), checkBasic(right, 'a')]);
	t.is(first?.kind, 'right');
	t.is(second?.kind, 'right');
	t.is(checks(), 1, 'two at once are one check');
	const cached = checkBasic(right, 'a');
	t.false(cached instanceof Promise);
	clock.advance(60_000);
	const again = checkBasic(right, 'a');
	t.true(again instanceof Promise);
	t.is((await again).kind, 'right');
	t.is(checks(), 2);
});

test('a changed roster ends what was remembered', async t => {
	const { site, checkBasic } = await setUp();
	const right = header('hso-operator', password);
	await checkBasic(right, 'a');
	site.roster = createRoster([{ name: 'hso-operator', party: 'HSO' }], ['HSO']);
	t.is((await checkBasic(right, 'a')).kind, 'wrong');
});

test('a roster that changes while a password is checked has the last word', async t => {
	const { site, checkBasic } = await setUp();
	const right = header('hso-operator', password);
	const verdict = checkBasic(right, 'a');
	site.roster = createRoster([], []);
	t.is((await verdict).kind, 'wrong');
	t.is((await checkBasic(right, 'a')).kind, 'wrong');
});

test('headers that are not Basic with a name and a password are wrong, without a check', async t => {
	const { checkBasic, checks } = await setUp();
	for (const bad of [
		'',
		'Basic',
		'Basic ',
		'Basic !!',
		'Bearer abc',
		'Token abc',
		'Basic YQ==',
		'Basic //79/w==',
		'Basic YQ== b',
	]) {
		t.is((await checkBasic(bad, 'a')).kind, 'wrong', bad);
	}
	t.is(checks(), 0);
});

test('a wait doubles up to its limit, and an hour of quiet ends it', t => {
	const clock = new FakeClock();
	const throttle = createThrottle(clock, { free: 1, delay: 1000, maxDelay: 4000 });
	const waits = Array.from({ length: 6 }, () => {
		t.is(throttle.attempt('k'), 0);
		const wait = throttle.wait('k');
		clock.advance(wait);
		return wait;
	});
	t.deepEqual(waits, [0, 1000, 2000, 4000, 4000, 4000]);
	clock.advance(60 * 60_000);
	throttle.attempt('k');
	t.is(throttle.wait('k'), 0);
	t.is(throttle.wait('other'), 0);
});

test('an IPv6 host counts as its /64', t => {
	t.is(networkOf('::ffff:127.0.0.1'), '127.0.0.1');
	t.is(networkOf('2001:db8::1'), networkOf('2001:0DB8:0:0:ffff::2'));
	t.not(networkOf('2001:db8::1'), networkOf('2001:db8:0:1::1'));
	t.is(networkOf('fe80::1%eth0'), networkOf('fe80::2'));
	t.is(networkOf('::1'), '0:0:0:0::/64');
});
