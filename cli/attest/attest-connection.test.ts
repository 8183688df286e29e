import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { describeFailure } from '../failure.ts';
import { type HilProfile, hilProfiles } from '../hil/hil-profile.ts';
import { createTerminal } from '../test-terminal.ts';
import { type AttestOptions, attestAccount } from './attest-connection.ts';

const hil = 'https://hil.example:5000';
const url = 'https://attest.example:5002';

/** Somebody with these profiles of hil, whose passwords are their names. */
async function userWith(t: ExecutionContext, ...profiles: Omit<HilProfile, 'url' | 'user'>[]) {
	const home = await mkdtemp(path.join(tmpdir(), 'bimetal-attest-connection-'));
	t.teardown(() => rm(home, { recursive: true }));
	for (const profile of [...profiles, { name: 'own' }]) {
		const passwordFile = path.join(home, `${profile.name}.password`);
		await writeFile(passwordFile, `${profile.name}\n`, { mode: 0o600 });
		if (profile.name !== 'own')
			await hilProfiles.save(home, { ...profile, url: hil, user: profile.name, passwordFile });
	}
	const contextOf = (env: Record<string, string>) =>
		createTerminal({ cwd: home, env: { BIMETAL_HOME: home, ...env } }).context;
	return {
		account: async (options: AttestOptions = {}, env: Record<string, string> = {}) => {
			const { signal: _, ...account } = await attestAccount(contextOf(env), options);
			return account;
		},
		async refusal(options: AttestOptions = {}, env: Record<string, string> = {}) {
			const context = contextOf(env);
			const { message, tryNext } = describeFailure(
				await t.throwsAsync(attestAccount(context, options)),
				context,
			);
			return `${message} | ${tryNext}`;
		},
	};
}

const own = { BIMETAL_ATTEST_USER: 'own', BIMETAL_ATTEST_PASSWORD_FILE: 'own.password' };

test('a log-in to hil that names the service is enough; an option and the environment come before it', async t => {
	const { account } = await userWith(t, { name: 'red', ca: 'PEM', attest: url });
	const credential = { username: 'red', password: 'red' };
	t.deepEqual(await account(), { url, ca: 'PEM', credential });
	t.like(await account({}, { BIMETAL_ATTEST_URL: 'https://other.example:1' }), {
		url: 'https://other.example:1',
		credential,
	});
	t.like(await account({ attest: 'https://third.example:2' }), { url: 'https://third.example:2' });
});

test('an account of the service’s own needs nothing of hil’s, and finds the service by a profile that names it', async t => {
	const nobody = await userWith(t);
	const credential = { username: 'own', password: 'own' };
	t.deepEqual(await nobody.account({ attest: url }, own), { url, ca: undefined, credential });
	t.regex(await nobody.refusal({}, own), /which registrar and verifier\?.*--attest https:\/\/HOST:5002/);
	const red = await userWith(t, { name: 'red', ca: 'PEM', attest: url });
	t.deepEqual(await red.account({}, own), { url, ca: 'PEM', credential });
});

test('who is not logged in is told both ways; who is, where to name the service once', async t => {
	const nobody = await userWith(t);
	const both = /or, if the service has accounts of its own, BIMETAL_ATTEST_USER/;
	t.regex(await nobody.refusal(), both);
	t.regex(await nobody.refusal(), /hil login URL --user NAME --attest URL;/);
	t.regex(await nobody.refusal({ attest: url }), /hil login URL --user NAME;/);
	t.regex(await nobody.refusal({ attest: url, profile: 'red' }), /there is no profile 'red' for hil/);
	const red = await userWith(t, { name: 'red' });
	t.regex(
		await red.refusal(),
		/which registrar and verifier\? \| --attest https:\/\/HOST:5002, BIMETAL_ATTEST_URL, or 'bimetal hil login … --attest URL' once/,
	);
});
