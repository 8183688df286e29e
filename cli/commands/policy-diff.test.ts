import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { createTerminal } from '../test-terminal.ts';

const shipped = fileURLToPath(new URL('../../policies', import.meta.url));

/** The shipped policies with one text replaced. */
async function changed(t: ExecutionContext, file: string, text: string, by: string): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-diff-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await cp(shipped, folder, { recursive: true });
	const before = await readFile(path.join(folder, file), 'utf8');
	t.true(before.includes(text));
	await writeFile(path.join(folder, file), before.replace(text, by));
	return folder;
}

test('a set of policies does not differ from itself', async t => {
	const ran = await createTerminal().run('policy', 'diff', shipped, shipped);
	t.is(ran.code, 0, ran.out);
	t.is(ran.out, 'No request comes out otherwise.\n');
});

test('a looser condition is told with an example that shows it', async t => {
	const looser = await changed(t, 'cp/power.yaml', '>=6', '>=5');
	const ran = await createTerminal().run('policy', 'diff', shipped, looser);
	t.is(ran.code, 10, ran.out);
	t.regex(ran.out, /changed Power on, off, reboot \$system\n {6}cp\.pre: COUNT.*>=6 → COUNT.*>=5/);
	t.regex(ran.out, /ComputerSystem\.Reset.* by HSO: waits for CP → executes under "HSO and cp"/);
	t.regex(ran.out, /External\.Servers = \[(\{"State":"Up"\},?){5}\]/);
	const json = JSON.parse((await createTerminal().run('policy', 'diff', shipped, looser, '--json')).out);
	t.true(json.outcomes.some((each: { party: string }) => each.party === 'HSO'));
	t.deepEqual(json.undecided, []);
});

test('a mask that goes shows more, and a change that locks out is told by check and diff', async t => {
	const shows = await changed(
		t,
		'hso/hardware.yaml',
		'hso.post: Chassis.Certificates := null',
		'hso.pre: true',
	);
	const seen = await createTerminal().run('policy', 'diff', shipped, shows);
	t.regex(seen.out, /CP sees more of Get a \$chassis Chassis\n {6}no longer: Chassis\.Certificates := null/);
	const locks = await changed(t, 'operations.yaml', 'p2c: HSO and CP', 'p2c: HSO');
	const ran = await createTerminal().run('policy', 'check', locks, '--against', shipped, '--strict');
	t.is(ran.code, 10);
	t.regex(ran.out, /warning .*"Restart the BMC": CP is locked out/);
	t.regex((await createTerminal().run('policy', 'diff', shipped, locks)).out, /CP is locked out/);
});

test('policies that can never hold together are told with facts for either side', async t => {
	const folder = await changed(
		t,
		'cp/power.yaml',
		'COUNT(External.Servers.State=="Up")>=6',
		'SUM(External.PDU.Outlets.Power)>2000',
	);
	const ran = await createTerminal().run('policy', 'check', folder);
	t.is(ran.code, 0);
	t.regex(ran.out, /CP's and HSO's policies can never hold together/);
	t.regex(ran.out, /no facts give SUM\(External\.PDU\.Outlets\.Power\)>2000 and SUM\(.*\)<1000/);
	t.regex(ran.out, /only HSO's holds with\n.*External\.PDU = /);
	t.is((await createTerminal().run('policy', 'check', folder, '--strict')).code, 10);
});
