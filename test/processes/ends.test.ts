// Processes that end: a worker takes nothing with it, and nobody outlives home.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createRoster } from '../../proxy/authenticate/roster.ts';
import { createAsk } from '../proxy/ask.ts';
import { parties, startTestProxy } from '../proxy/start-proxy.ts';

/** A temporary folder of our own: other tests' proxies come and go in the common one. */
const before = process.env.TMPDIR;
test.before(async () => {
	process.env.TMPDIR = await mkdtemp(path.join(tmpdir(), 'bimetal-ends-'));
});
test.after.always(async () => {
	const own = tmpdir();
	if (before === undefined) delete process.env.TMPDIR;
	else process.env.TMPDIR = before;
	await rm(own, { recursive: true });
});

const chassis = '/redfish/v1/Chassis/chassis';
const fresh = { headers: { connection: 'close' } };

/** Until it is so; a test that waits in vain is ended by ava. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
	while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 10));
}

const runs = (pid: number): boolean => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};
const homeFolders = () => readdirSync(tmpdir()).filter(name => name.startsWith('bimetal-home-'));

test.serial(
	'a worker is killed under load: others go on, and all that reached a BMC is on the record',
	async t => {
		// Each read with an exchange of its own, so that they can be counted.
		const site = await startTestProxy({ workers: 2, coalesce: false });
		t.teardown(() => site.close());
		t.is((await site.at('hso-operator')('GET', chassis, fresh)).status, 200);
		const [victim] = site.proxy.workers();
		let broken = 0;
		let done = 0;
		const client = async () => {
			for (let i = 0; i < 40; i++) {
				const reply = await site
					.at('hso-operator')('GET', chassis, i % 4 ? {} : fresh)
					.catch(() => undefined);
				if (reply) t.is(reply.status, 200);
				else broken++;
				done++;
				if (done === 100) process.kill(victim ?? 0, 'SIGKILL');
			}
		};
		await Promise.all(Array.from({ length: 8 }, client));
		t.is(done, 320);
		t.true(broken <= 16, `${broken} requests broke off with the worker`);
		const sent = site.spies.node1.received().split(`GET ${chassis} `).length - 1;
		const decided = site.records.filter(record => record.kind === 'decision' && record.path === chassis);
		t.true(sent > 300 && sent <= decided.length, `${sent} sent, ${decided.length} on the record`);

		// It is out, which is no secret, until it has been started again.
		await until(() => site.proxy.workers().length === 1);
		t.is((await fetch(`${site.ops}/readyz`)).status, 503);
		site.clock.advance(100);
		await until(() => site.proxy.workers().length === 2);
		t.is((await fetch(`${site.ops}/readyz`)).status, 200);
		t.false(site.proxy.workers().includes(victim ?? 0));
		t.is((await site.at('hso-operator')('GET', chassis, fresh)).status, 200);
		t.true(site.log.some(line => line.includes('a worker ended')));
	},
);

test.serial('without any worker home serves by itself', async t => {
	const site = await startTestProxy({ workers: 2 });
	t.teardown(() => site.close());
	for (const pid of site.proxy.workers()) process.kill(pid, 'SIGKILL');
	await until(() => site.proxy.workers().length === 0);
	t.is((await site.at('hso-operator')('GET', chassis, fresh)).status, 200);
	const cert = await site.at(null)('GET', '/redfish/v1', fresh);
	t.is(cert.status, 200);
});

test.serial('a worker that hangs is not waited for: what ended is over', async t => {
	const site = await startTestProxy({ workers: 2 });
	t.teardown(() => site.close());
	const body = { UserName: 'hso-operator', Password: 'pw-hso-operator' };
	const opened = await site.at(null)('POST', '/redfish/v1/SessionService/Sessions', { ...fresh, body });
	const token = String(opened.headers['x-auth-token']);
	const [hung] = site.proxy.workers();
	process.kill(hung ?? 0, 'SIGSTOP');
	// Over the ports, half of the connections would be the hung one's: this is the same log-out, from inside.
	let isOver = false;
	const ended = site.proxy.useRoster(createRoster([], parties)).then(() => {
		isOver = true;
	});
	await until(() => {
		site.clock.advance(50);
		return isOver;
	});
	await ended;
	t.false(site.proxy.workers().includes(hung ?? 0));
	await until(() => !runs(hung ?? 0));
	t.is((await site.at({ token })('GET', chassis, fresh)).status, 401);
});

test.serial('a clean end leaves no process and no socket', async t => {
	const earlier = homeFolders();
	const site = await startTestProxy({ workers: 2 });
	const workers = site.proxy.workers();
	t.is(homeFolders().length, earlier.length + 1);
	const last = site.at('hso-operator')('GET', chassis);
	t.is((await last).status, 200);
	await site.close();
	t.deepEqual(workers.filter(runs), []);
	t.deepEqual(homeFolders(), earlier);
});

test.serial('home is killed: its workers end with it', async t => {
	const fixture = fileURLToPath(new URL('./home.fixture.ts', import.meta.url));
	const home = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fixture], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	t.teardown(() => home.kill('SIGKILL'));
	const [line] = await once(createInterface(home.stdout), 'line');
	const { workers, bmcs, ca, folder } = JSON.parse(String(line)) as {
		workers: number[];
		bmcs: { node1: string };
		ca: string;
		folder: string;
	};
	t.is(workers.filter(runs).length, 2);
	const client = createAsk(bmcs.node1, ca);
	t.teardown(() => client.close());
	t.is((await client.ask('hso-operator', 'GET', chassis)).status, 200);
	home.kill('SIGKILL');
	await once(home, 'close');
	await until(() => workers.filter(runs).length === 0);
	await t.throwsAsync(client.ask('hso-operator', 'GET', chassis));
	t.true(existsSync(folder), 'what a killed home leaves goes with this test’s folder');
});
