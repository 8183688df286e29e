import test from 'ava';
import { FakeClock } from '../../../common/clock.ts';
import { silentLogger } from '../../../common/log/logger.ts';
import { AccountRefused, KeystoneAway, type KeystoneClient } from './keystone-client.ts';
import type { DescribedToken } from './token.ts';
import { createTokens } from './tokens.ts';

const remember = 60_000;
const alice: DescribedToken = {
	user: 'alice@Default',
	expiresAt: Number.MAX_SAFE_INTEGER,
	project: { id: 'p', name: 'red', domain: 'Default' },
	roles: new Set(['member']),
	isAdminProject: false,
	isBound: false,
};

/** A Keystone that knows the token `alice`, and counts what it is asked. */
function setUp() {
	const clock = new FakeClock();
	const keystone = {
		logIns: 0,
		questions: 0,
		tokenLife: 3_600_000,
		fault: undefined as Error | undefined,
		/** Of hil's own tokens, those up to this number do not count. */
		revokedUpTo: 0,
		/** Answers wait for it. */
		gate: Promise.resolve(),
	};
	const client: KeystoneClient = {
		async logIn() {
			const number = ++keystone.logIns;
			await keystone.gate;
			if (keystone.fault) throw keystone.fault;
			return { token: `own-${number}`, expiresAt: clock.now() + keystone.tokenLife };
		},
		async describe(own, token) {
			keystone.questions++;
			await keystone.gate;
			if (keystone.fault) throw keystone.fault;
			if (Number(own.slice(4)) <= keystone.revokedUpTo) throw new AccountRefused('revoked');
			return token === 'alice' ? alice : undefined;
		},
		close: async () => undefined,
	};
	const tokens = createTokens({ client, clock, logger: silentLogger, remember });
	return { clock, keystone, tokens };
}

test('a word of Keystone is taken for a while from before it was asked; a no is asked again', async t => {
	const { clock, keystone, tokens } = setUp();
	let answer = (): void => undefined;
	keystone.gate = new Promise(resolve => {
		answer = resolve;
	});
	const first = tokens.describe('alice');
	clock.advance(remember - 1);
	answer();
	t.is(await first, alice);
	t.is(await tokens.describe('alice'), alice);
	t.is(keystone.questions, 1);
	clock.advance(1);
	t.is(await tokens.describe('alice'), alice);
	t.is(keystone.questions, 2);
	t.is(await tokens.describe('mallory'), undefined);
	t.is(await tokens.describe('mallory'), undefined);
	t.is(keystone.questions, 4);
});

test('many who ask about one token at once are one question, and need one log-in', async t => {
	const { keystone, tokens } = setUp();
	const answers = await Promise.all([
		...Array.from({ length: 20 }, () => tokens.describe('alice')),
		tokens.describe('mallory'),
	]);
	t.is(answers.filter(answer => answer === alice).length, 20);
	t.is(keystone.questions, 2);
	t.is(keystone.logIns, 1);
});

test("hil's own token is renewed before its end, and when it was revoked", async t => {
	const { clock, keystone, tokens } = setUp();
	await tokens.describe('alice');
	clock.advance(keystone.tokenLife - 60_000);
	await tokens.describe('alice');
	t.is(keystone.logIns, 2);
	keystone.revokedUpTo = 2;
	clock.advance(remember);
	t.is(await tokens.describe('alice'), alice);
	t.is(keystone.logIns, 3);
	keystone.revokedUpTo = 100;
	clock.advance(remember);
	await t.throwsAsync(tokens.describe('alice'), { code: 'AuthenticatorAway', message: /see to its account/ });
	t.is(keystone.logIns, 4, 'once');
});

test('while Keystone is away nothing is granted but what is remembered, and it is not asked without end', async t => {
	const { clock, keystone, tokens } = setUp();
	await tokens.describe('alice');
	keystone.fault = new KeystoneAway('away');
	t.is(await tokens.describe('alice'), alice);
	clock.advance(remember);
	for (let i = 0; i < 5; i++) {
		await t.throwsAsync(tokens.describe('alice'), { code: 'AuthenticatorAway', message: /Try again later/ });
	}
	t.is(keystone.questions, 2);
	clock.advance(1000);
	keystone.fault = undefined;
	t.is(await tokens.describe('alice'), alice, 'as soon as it is back');
});

test('a log-in that was refused is not repeated at once: Keystone locks accounts', async t => {
	const { clock, keystone, tokens } = setUp();
	keystone.fault = new AccountRefused('wrong password');
	for (let i = 0; i < 5; i++) await t.throwsAsync(tokens.describe(`t${i}`), { code: 'AuthenticatorAway' });
	t.true(keystone.logIns <= 2);
	const before = keystone.logIns;
	clock.advance(14_999);
	await t.throwsAsync(tokens.describe('alice'), { code: 'AuthenticatorAway' });
	t.is(keystone.logIns, before);
	clock.advance(1);
	keystone.fault = undefined;
	t.is(await tokens.describe('alice'), alice);
});

test('an answer about one token that is not understood keeps no other out', async t => {
	const { keystone, tokens } = setUp();
	keystone.fault = new Error('no JSON');
	await t.throwsAsync(tokens.describe('odd'), { code: 'AuthenticatorAway' });
	keystone.fault = undefined;
	t.is(await tokens.describe('alice'), alice);
});

test('an odd answer that comes late does not shorten the rest after Keystone went away', async t => {
	const clock = new FakeClock();
	const faults: ((fault: Error) => void)[] = [];
	const client: KeystoneClient = {
		logIn: async () => ({ token: 'own', expiresAt: Number.MAX_SAFE_INTEGER }),
		describe: () => new Promise((_resolve, reject) => faults.push(reject)),
		close: async () => undefined,
	};
	const tokens = createTokens({ client, clock, logger: silentLogger, remember });
	const both = [tokens.describe('gone'), tokens.describe('odd')];
	const outcomes = Promise.allSettled(both);
	while (faults.length < 2) await new Promise(resolve => setImmediate(resolve));
	faults[0]?.(new KeystoneAway('away'));
	faults[1]?.(new Error('no JSON'));
	await outcomes;
	await t.throwsAsync(tokens.describe('alice'), { code: 'AuthenticatorAway' });
	t.is(faults.length, 2, 'nothing more was asked');
});

test('a flood of tokens waits in a queue that has an end', async t => {
	const { keystone, tokens } = setUp();
	let answer = (): void => undefined;
	keystone.gate = new Promise(resolve => {
		answer = resolve;
	});
	const flood = Array.from({ length: 73 }, (_, i) => tokens.describe(`t${i}`));
	await t.throwsAsync(flood.at(-1) as Promise<unknown>, { code: 'TooBusyError' });
	answer();
	const answers = await Promise.all(flood.slice(0, -1));
	t.true(answers.every(each => each === undefined));
});
