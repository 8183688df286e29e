// Limits hold over all processes of the machine together, wherever a request or a connection ends up.
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect } from 'node:tls';
import test from 'ava';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';

const chassis = '/redfish/v1/Chassis/chassis';
const fresh = { headers: { connection: 'close' } };
const plenty = { rate: 1e6, burst: 1e6, concurrent: 1e6 };

async function metric(site: TestProxy, name: string): Promise<number> {
	const text = await (await fetch(`${site.ops}/metrics`)).text();
	const lines = text.split('\n').filter(line => line.startsWith(name));
	return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

test.serial(
	'an operator gets all of the allowance through any number of connections, and no more',
	async t => {
		// Home's clock stands still in tests, so that nothing is added to the burst.
		const perOperator = { rate: 1, burst: 40, concurrent: 1000 };
		const site = await startTestProxy({ workers: 2, usage: { perOperator, perParty: plenty } });
		t.teardown(() => site.close());
		const ask = async (name: string, how: object) => (await site.at(name)('GET', chassis, how)).status;
		for (const [name, how] of [
			['hso-operator', {}],
			['cp-operator', fresh],
		] as const) {
			const statuses: number[] = [];
			for (let i = 0; i < 80; i++) statuses.push(await ask(name, how));
			t.is(statuses.filter(status => status === 200).length, 40, `${name}: ${statuses.join(' ')}`);
			t.is(statuses.filter(status => status === 429).length, 40);
		}
		t.is(await ask('hso-two', fresh), 200, 'nobody else is concerned');
		const handedOver = await metric(site, 'bimetal_handed_over_total');
		t.true(handedOver < 140, `most were let in where they came in: ${handedOver}`);
	},
);

test.serial('no more of an operator’s requests are under way at once than are allowed', async t => {
	const perOperator = { rate: 1e6, burst: 1e6, concurrent: 6 };
	const site = await startTestProxy({ workers: 2, usage: { perOperator, perParty: plenty } });
	t.teardown(() => site.close());
	for (let i = 0; i < 6; i++) t.is((await site.at('hso-operator')('GET', chassis, fresh)).status, 200);
	const held: (() => void)[] = [];
	site.bmcs.node1.fault({
		at: moment => (moment === 'received' ? new Promise(go => held.push(go)) : Promise.resolve()),
	});
	let answered = 0;
	const replies = Array.from({ length: 30 }, async () => {
		const { status } = await site.at('hso-operator')('GET', chassis, fresh);
		answered++;
		return status;
	});
	// Those that are allowed hang at the BMC, or wait for a connection to it.
	while (answered < 24) await new Promise(resolve => setTimeout(resolve, 5));
	t.true(held.length <= 6, `${held.length} under way`);
	site.bmcs.node1.fault({});
	for (const go of held) go();
	const statuses = await Promise.all(replies);
	const done = statuses.filter(status => status === 200).length;
	t.true(done >= 3 && done <= 6, statuses.join(' '));
	t.is(statuses.filter(status => status === 503).length, 30 - done, statuses.join(' '));
	t.is((await site.at('hso-operator')('GET', chassis, fresh)).status, 200);
});

test.serial(
	'connections of one address are counted whichever process serves them, until they are closed',
	async t => {
		const site = await startTestProxy({ workers: 2, usage: { perAddress: 3 } });
		t.teardown(() => site.close());
		const { hostname, port } = new URL(site.url);
		const open = async (): Promise<Socket | undefined> => {
			const plain = connectPlain({ host: hostname, port: Number(port), localAddress: '127.0.0.66' });
			plain.on('error', () => undefined);
			const socket = connect({ socket: plain, servername: 'localhost', ca: site.ca });
			socket.on('error', () => undefined);
			t.teardown(() => socket.destroy());
			const isOpen = await Promise.race([
				once(socket, 'secureConnect').then(() => true),
				once(plain, 'close').then(() => false),
			]).catch(() => false);
			return isOpen ? socket : undefined;
		};
		const first = await Promise.all(Array.from({ length: 8 }, open));
		const opened = first.flatMap(socket => socket ?? []);
		t.is(opened.length, 3);
		t.is((await site.ask('hso-operator', 'GET', '/p2c/v1/me')).status, 200, 'another address');
		opened[0]?.destroy();
		let again: Socket | undefined;
		while (!again) again = await open();
		t.is(await open(), undefined);

		// A worker's connections end with it.
		for (const pid of site.proxy.workers()) process.kill(pid, 'SIGKILL');
		const closed = (socket: Socket) =>
			// Not once(): whether it was reset on the way there is no matter.
			socket.destroyed || new Promise<void>(resolve => socket.once('close', () => resolve()));
		await Promise.all([again, ...opened.slice(1)].map(closed));
		let after: Socket | undefined;
		while (!after) after = await open();
		t.truthy(await open());
	},
);
