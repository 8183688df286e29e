// The proxy on an emulated AST2600, in front of that board's own Redfish service, from outside the board.
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import test from 'ava';
import { boardPorts } from '../../cli/board/board-places.ts';
import { orderMeter, readMeter } from '../../cli/board/order-meter.ts';
import { type RunningBoard, runBoard } from '../../cli/board/run-board.ts';
import { systemClock } from '../../common/clock.ts';
import { createProxyClient, type ProxyClient } from '../../proxy/client.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { createVisitor, until, type Visitor } from '../visitor.ts';

const testBoard = testNeeding('qemu-system-arm', 'apt', 'e2fsprogs');
const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const factoryReset = '/redfish/v1/Managers/bmc/Actions/Manager.ResetToDefaults';
const entries = `${system}/LogServices/EventLog/Entries`;

/** What BMCs and Linux machines commonly offer, and the Redfish service's own port and the proxy's metrics among it. */
const otherPorts = [
	...[21, 22, 23, 25, 53, 80, 111, 161, 427, 623, 1883, 2200, 3000, 5000, 5120, 5355, 5900, 5901],
	...[7578, 8000, 8080, 8082, 8888, 9100],
];

const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-test-board-'));
const said: string[] = [];
let running: RunningBoard;
let others: Record<number, number>;
const visitors: Record<string, Visitor> = {};
const clients: Record<string, ProxyClient> = {};

test.after.always(async () => {
	await Promise.all([...Object.values(visitors), ...Object.values(clients)].map(one => one.close()));
	await running?.board.stop();
	await running?.end();
	await rm(folder, { recursive: true });
});

testBoard('the board starts, and its proxy answers an operator', async t => {
	t.timeout(360_000);
	others = Object.fromEntries(await Promise.all(otherPorts.map(async port => [port, await freePort()])));
	const began = Date.now();
	running = await runBoard({
		state: path.join(folder, 'board'),
		ports: { proxy: 0, redfish: 0 },
		others,
		extra: (site, people) => orderMeter(site, people, 500),
		clock: systemClock,
		progress: step => said.push(`${((Date.now() - began) / 1000).toFixed(1)} s: ${step}`),
		signal: new AbortController().signal,
	});
	t.log(said.join('\n'));
	t.log(`power-on to first answer: ${running.times.redfish / 1000} s`);
	const { site, urls } = running;
	const ca = site.authority.certificatePem;
	for (const { name, party, password } of site.operators) {
		visitors[party] = createVisitor({ url: urls.redfish, ca, username: name, password });
		clients[party] = createProxyClient({ url: urls.proxy, ca, credential: { username: name, password } });
	}
	const answer = await as('CP').get(system);
	t.is(answer.status, 200);
	t.is(answer.body.PowerState, 'On');
});

testBoard(
	"HSO restarts the server at once where CP's policy lets it, and waits where it does not",
	async t => {
		t.timeout(120_000);
		const before = (await as('CP').get(entries)).body.Members.length as number;
		const graceful = await as('HSO').post(reset, { ResetType: 'GracefulRestart' });
		t.true(
			graceful.status >= 200 && graceful.status < 300 && graceful.status !== 202,
			JSON.stringify(graceful.body),
		);
		const records = await until(
			async () => (await as('CP').get(entries)).body.Members.slice(before) as { MessageId: string }[],
			members => members.length > 0,
			60,
		);
		t.log(records.map(({ MessageId }) => MessageId).join(', '));

		const forced = await as('HSO').post(reset, { ResetType: 'ForceRestart' });
		t.is(forced.status, 202, 'without its operating system being asked it waits for CP');
		const { requests } = await as2('CP').requests({ state: 'waiting' });
		t.is(requests.length, 1);
		await as2('CP').deny(requests[0]?.id ?? '', { reason: 'a tenant is on it' });
	},
);

testBoard('both parties together reset the board to factory defaults, and neither alone', async t => {
	t.timeout(120_000);
	t.is((await as('HSO').patch(system, { AssetTag: 'rack 7' })).status < 300, true);
	t.is((await as('HSO').get(system)).body.AssetTag, 'rack 7');
	const asked = await as('HSO').post(factoryReset, { ResetType: 'ResetAll' });
	t.is(asked.status, 202);
	t.is((await as('HSO').get(system)).body.AssetTag, 'rack 7', 'nothing has happened yet');
	const { requests } = await as2('CP').requests({ state: 'waiting' });
	const [waiting] = requests;
	t.is(requests.length, 1);
	const review = await as2('CP').review(waiting?.id ?? '');
	await as2('CP').approve(waiting?.id ?? '', { digest: review.request.digest });
	const done = await until(
		() => as2('HSO').request(waiting?.id ?? ''),
		({ state }) => !['waiting', 'approved', 'executing'].includes(state),
		60,
	);
	t.is(done.state, 'executed');
	t.not((await as('HSO').get(system)).body.AssetTag, 'rack 7', 'the setting is gone');
});

testBoard('each party sees the log as the other lets it', async t => {
	t.timeout(60_000);
	const hso = (await as('HSO').get(entries)).body.Members as { Severity: string; Oem?: unknown }[];
	const cp = (await as('CP').get(entries)).body.Members as { Severity: string; Oem?: unknown }[];
	t.true(hso.length > 0 && hso.length < cp.length, `HSO ${hso.length}, CP ${cp.length}`);
	t.deepEqual([...new Set(hso.map(({ Severity }) => Severity))], ['Critical']);
	t.true(
		hso.some(({ Oem }) => Oem !== undefined && Oem !== null),
		'HSO sees what its equipment added',
	);
	t.true(
		cp.every(({ Oem }) => Oem === undefined || Oem === null),
		'CP does not',
	);
});

testBoard('nothing else on the board answers', async t => {
	t.timeout(60_000);
	const { urls, site } = running;
	const ca = site.authority.certificatePem;
	for (const url of Object.values(urls)) t.is(await tlsAnswers(Number(new URL(url).port), ca), true, url);
	const answers = await Promise.all(
		Object.entries(others).map(async ([port, here]) => [port, await hears(here)] as const),
	);
	t.deepEqual(
		answers.filter(([, heard]) => heard !== undefined),
		[],
		'of the ports that lead to the board, only those of the proxy answer',
	);
	const stranger = createVisitor({ url: urls.redfish, ca, username: 'root', password: '0penBmc' });
	t.teardown(() => stranger.close());
	t.is((await stranger.get(system)).status, 401, "the Redfish service's own accounts are not the proxy's");
	t.deepEqual(Object.values(boardPorts).sort(), [443, 8443]);
});

testBoard('the proxy stays below 96 MB of resident memory, and the board tells what it does', async t => {
	t.timeout(120_000);
	const figures = await readMeter(running.board, 100_000);
	const { proxy, redfish, residentAtStart, residentAfterLoad } = figures;
	t.log(JSON.stringify(figures));
	t.true(
		residentAfterLoad < 96e6 && residentAtStart < 96e6,
		`${residentAtStart}, ${residentAfterLoad} bytes`,
	);
	t.true(proxy.requestsPerSecond > 0 && proxy.requestsPerSecond < redfish.requestsPerSecond);
});

testBoard('the board ends in order when it is asked to', async t => {
	t.timeout(60_000);
	t.is(await running.end(), 'ended in order');
});

function as(party: 'HSO' | 'CP'): Visitor {
	const visitor = visitors[party];
	if (!visitor) throw new Error('the board has not started');
	return visitor;
}

function as2(party: 'HSO' | 'CP'): ProxyClient {
	const client = clients[party];
	if (!client) throw new Error('the board has not started');
	return client;
}

/** The first bytes that a plain HTTP request gets within a while. QEMU accepts for the board: being connected says nothing. */
function hears(port: number): Promise<string | undefined> {
	return new Promise(resolve => {
		const socket = connectTcp({ host: '127.0.0.1', port });
		const end = (heard: string | undefined) => {
			clearTimeout(timer);
			socket.destroy();
			resolve(heard);
		};
		const timer = setTimeout(() => end(undefined), 5000);
		socket.on('connect', () =>
			socket.write('GET /redfish/v1 HTTP/1.1\r\nHost: bmc\r\nConnection: close\r\n\r\n'),
		);
		socket.on('data', bytes => end(bytes.toString('latin1', 0, 40)));
		socket.on('error', () => end(undefined));
		socket.on('close', () => end(undefined));
	});
}

function tlsAnswers(port: number, ca: string): Promise<boolean> {
	return new Promise(resolve => {
		const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' });
		const end = (answers: boolean) => {
			clearTimeout(timer);
			socket.destroy();
			resolve(answers);
		};
		const timer = setTimeout(() => end(false), 20_000);
		socket.on('secureConnect', () => end(true));
		socket.on('error', () => end(false));
	});
}

function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const probe = createServer();
		probe.once('error', reject);
		probe.listen({ host: '127.0.0.1', port: 0 }, () => {
			const address = probe.address();
			probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
		});
	});
}
