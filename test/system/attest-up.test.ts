// Registrar and verifier as `bimetal up` starts them: without a TPM anywhere, for hil's users, and found again.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { createTerminal } from '../../cli/test-terminal.ts';
import { type Site, startSite } from '../site.ts';

/** Judges the firmware's registers and the first program by their values; of the others it says that it does not. */
const policy = {
	version: 1,
	pcrs: Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7].map(pcr => [pcr, ['5a'.repeat(32)]])),
	unchecked: Object.fromEntries([8, 9, 11, 12, 13, 14].map(pcr => [pcr, 'another day'])),
};

test('projects set policies, admit their own nodes and no others; a second start finds it all', async t => {
	t.timeout(300_000);
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-attest-up-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const state = path.join(folder, 'state');
	const { run } = createTerminal({ cwd: folder, env: { BIMETAL_HOME: path.join(state, 'cli') } });
	const ok = async (...line: string[]): Promise<string> => {
		const { code, out, err } = await run(...line);
		t.is(code, 0, `${line.join(' ')}\n${out}${err}`);
		return out;
	};
	const started = async (): Promise<Site> => {
		const site = await startSite({ state, args: ['--servers', '2'] });
		const ready = await fetch(`${site.line.attest.ops}/readyz`);
		t.is(ready.status, 200, await ready.text());
		return site;
	};
	await writeFile(path.join(folder, 'policy.json'), JSON.stringify(policy));

	const first = await started();
	let id: string;
	try {
		t.is(first.line.attest.forNodes, undefined, 'no server boots here');
		t.regex(await ok('attest', 'enrolments', '--as', 'admin'), /^NODE +ENDORSEMENT KEY/);
		await ok('attest', 'set-policy', 'default', 'policy.json', '--as', 'red');
		t.regex(await ok('attest', 'policies', '--as', 'red'), /^default +red .* red-user +[0-9a-f]{64}$/m);
		t.deepEqual(parse(await ok('attest', 'policies', 'default', '--as', 'red')), policy);
		t.is(await ok('attest', 'policies', '--as', 'blue'), 'No policies.\n');
		const foreign = await run('attest', 'admit', 'node1', '--as', 'red');
		t.is(foreign.code, 6);
		t.regex(foreign.err, /Node node1 is not of project red.*bimetal node list/s);
		await ok('node', 'take', 'red', 'node1', '--as', 'red');
		const asked = JSON.parse(await ok('attest', 'admit', 'node1', '--as', 'red', '--json'));
		id = asked.id;
		t.like(asked, { node: 'node1', project: 'red', state: 'waiting' });
		t.is(await ok('attest', 'list', '--as', 'blue'), 'No admissions.\n');
	} finally {
		await first.stop('SIGINT');
	}

	const second = await started();
	try {
		t.regex(await ok('attest', 'show', id, '--as', 'red'), /^policy +default/m);
		await ok('attest', 'withdraw', id, 'enough', '--as', 'red');
		t.regex(await ok('attest', 'list', '--all', '--as', 'red'), /node1 +red +\w+ +default/);
	} finally {
		await second.stop();
	}
	for (const { password } of second.line.hil.users) t.false((first.log() + second.log()).includes(password));
});
