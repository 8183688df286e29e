import test from 'ava';
import { hilErrors } from '../errors.ts';
import { createAuthentication } from './authentication.ts';
import type { Authenticator, Credentials } from './authenticator.ts';

const tom = { name: 'tom', isAdmin: false, projects: new Set<string>() };

/** Lets in whoever shows `right` in its field. */
function backEnd(field: 'authorization' | 'authToken', asked: string[]): Authenticator {
	return {
		extension: `x.${field}`,
		asksFor: field,
		scheme: [field, { type: 'apiKey', in: 'header', name: field }],
		challenge: `Test ${field}`,
		isFor: credentials => credentials[field] !== undefined,
		async authenticate(credentials: Credentials) {
			asked.push(field);
			if (credentials[field] === 'away') throw hilErrors.AuthenticatorAway('away');
			if (credentials[field] === 'broken') throw new Error('broken');
			if (credentials[field] !== 'right') throw hilErrors.AuthorizationError('wrong');
			return tom;
		},
	};
}

test('the back end that the credential is for decides, and no other is asked', async t => {
	const asked: string[] = [];
	const both = createAuthentication([backEnd('authorization', asked), backEnd('authToken', asked)]);
	t.is(await both.authenticate({ authToken: 'right' }), tom);
	t.deepEqual(asked.splice(0), ['authToken']);
	t.is(await both.authenticate({ authorization: 'right' }), tom);
	t.deepEqual(asked.splice(0), ['authorization']);
	for (const [authToken, code] of [
		['wrong', 'AuthorizationError'],
		['', 'AuthorizationError'],
		['away', 'AuthenticatorAway'],
	] as const) {
		await t.throwsAsync(both.authenticate({ authToken }), { code });
		t.deepEqual(asked.splice(0), ['authToken']);
	}
	await t.throwsAsync(both.authenticate({ authToken: 'broken' }), { message: 'broken' });
});

test('no credential says what to bring; two of different kinds are none', async t => {
	const asked: string[] = [];
	const both = createAuthentication([backEnd('authorization', asked), backEnd('authToken', asked)]);
	await t.throwsAsync(both.authenticate({}), {
		code: 'AuthorizationError',
		message: 'Log in with authorization, or with authToken.',
	});
	const two = { authorization: 'right', authToken: 'right' };
	await t.throwsAsync(both.authenticate(two), { code: 'ValidationError', message: /give one of them/ });
	t.deepEqual(asked, []);
	const one = createAuthentication([backEnd('authorization', asked)]);
	t.is(await one.authenticate(two), tom, 'what no back end is for does not count');
	t.deepEqual(both.extensions, ['x.authorization', 'x.authToken']);
	t.is(both.challenge, 'Test authorization, Test authToken');
});
