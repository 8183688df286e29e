import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { describeFailure } from '../failure.ts';
import { createTerminal } from '../test-terminal.ts';
import { withAttestHints } from './hints.ts';

const context = createTerminal().context;

for (const [code, status, expected] of [
	['NotThere', 404, /attest list.*set-policy/],
	['NotFound', 404, /airlock/],
	['NotLoggedIn', 401, /BIMETAL_ATTEST_USER/],
	['Forbidden', 403, /BIMETAL_ATTEST_USER/],
	['NodeBusy', 409, /attest end ID/],
] as const)
	test(`what to do next after ${code}`, async t => {
		const refused = async () => {
			throw new BimetalError(code, 'no', { status });
		};
		const error = await t.throwsAsync(withAttestHints(context, refused));
		t.regex(describeFailure(error, context).tryNext, expected);
	});

test('a certificate that is not there is the user’s to mend', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-attest-hints-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(path.join(folder, 'password'), 'alice\n', { mode: 0o600 });
	const env = {
		BIMETAL_ATTEST_URL: 'https://127.0.0.1:1',
		BIMETAL_ATTEST_USER: 'alice',
		BIMETAL_ATTEST_PASSWORD_FILE: 'password',
	};
	const ran = await createTerminal({ cwd: folder, env }).run(
		'attest',
		'enrol',
		'n1',
		'--ek-certificate',
		'none.der',
	);
	t.is(ran.code, 2);
	t.regex(ran.err, /cannot read the certificate file none\.der: ENOENT/);
});
