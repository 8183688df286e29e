import test from 'ava';
import { FakeClock } from '../clock.ts';
import { BimetalError } from '../errors/bimetal-error.ts';
import { createAuthenticator } from './asked-authenticator.ts';

const alice = { name: 'alice' };

test('hil is asked once in half a minute, and once by all who ask together', async t => {
	const clock = new FakeClock();
	let asked = 0;
	const ask = async () => {
		asked++;
		return alice;
	};
	const { authenticate } = createAuthenticator({ clock, ask });
	const together = await Promise.all([1, 2, 3].map(() => authenticate({ authorization: 'Basic a' })));
	t.deepEqual(together, [alice, alice, alice]);
	t.is(asked, 1);
	await authenticate({ authorization: 'Basic b' });
	t.is(asked, 2, 'another credential');
	clock.advance(29_999);
	await authenticate({ authorization: 'Basic a' });
	t.is(asked, 2);
	clock.advance(1);
	await authenticate({ authorization: 'Basic a' });
	t.is(asked, 3);
});

test('what hil does not know is not remembered, and forgets what was known', async t => {
	const clock = new FakeClock();
	let answer: typeof alice | undefined;
	const { authenticate } = createAuthenticator({ clock, ask: async () => answer });
	t.is(await authenticate({ authorization: 'Basic a' }), undefined);
	answer = alice;
	t.is(await authenticate({ authorization: 'Basic a' }), alice);
	answer = undefined;
	clock.advance(30_000);
	t.is(await authenticate({ authorization: 'Basic a' }), undefined);
});

test('without hil nobody is let in whose time is over', async t => {
	const clock = new FakeClock();
	let isAway = false;
	const ask = async () => {
		if (isAway) throw new BimetalError('HilAway', 'hil does not answer');
		return alice;
	};
	const { authenticate } = createAuthenticator({ clock, ask });
	await authenticate({ authorization: 'Basic a' });
	isAway = true;
	t.is(await authenticate({ authorization: 'Basic a' }), alice);
	clock.advance(30_000);
	await t.throwsAsync(authenticate({ authorization: 'Basic a' }), { code: 'HilAway' });
	isAway = false;
	t.is(await authenticate({ authorization: 'Basic a' }), alice);
});
