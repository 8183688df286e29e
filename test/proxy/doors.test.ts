// An enrolled BMC whose doors are opened behind the proxy's back: found, told, and shut again by two parties.
import test from 'ava';
import { repairView } from '../../proxy/api/schemas.ts';
import type { Enrolment } from '../../proxy/enrol/enrolment-file.ts';
import { bmcPassword, startTestProxy } from './start-proxy.ts';

const every = 60_000;
const enrolment: Enrolment = {
	format: 1,
	bmc: 'node1',
	url: 'https://192.0.2.1',
	fingerprint: 'ab'.repeat(32),
	username: 'root',
	state: 'enrolled',
	passwords: [],
	passwordFile: 'secrets/bmc-node1',
	rack: null,
	keep: [],
	accounts: 'disable',
	shut: [],
};

test('drift is found, told everywhere, and repaired by requests that wait for the other party', async t => {
	const changes: { bmc: string; doors: string; openDoors: readonly string[] }[] = [];
	let changed = () => {};
	const site = await startTestProxy({
		doors: {
			enrolments: { node1: enrolment },
			every,
			random: () => 0,
			onChange(bmc, { doors, openDoors }) {
				changes.push({ bmc, doors, openDoors });
				changed();
			},
		},
	});
	t.teardown(site.close);
	const nextChange = () => new Promise<void>(resolve => (changed = resolve));
	const repair = async (who: string) => {
		const { status, json } = await site.ask(who, 'POST', '/p2c/v1/bmcs/node1/repair', { body: {} });
		t.is(status, 200);
		return repairView.parse(json);
	};
	const shown = async () => (await site.ask('cp-operator', 'GET', '/p2c/v1/bmcs')).json.bmcs;

	// As delivered: everything is open.
	const first = nextChange();
	site.clock.advance(5000);
	await first;
	t.true(changes[0]?.openDoors.includes('SSH'));
	t.like((await shown())[0], { name: 'node1', doors: 'open' });
	t.like((await shown())[1], { name: 'node2', doors: 'unknown', openDoors: [] });

	const asked = await repair('hso-operator');
	t.deepEqual(
		asked.repairs.map(({ outcome, doors }) => [outcome, doors.length > 1]),
		[
			['waiting', true], // all of the AccountService in one request
			['waiting', false],
		],
	);
	const again = await repair('hso-operator');
	t.deepEqual(
		again.repairs.map(({ requestId }) => requestId),
		asked.repairs.map(({ requestId }) => requestId),
		'asked twice is asked once',
	);
	for (const { requestId } of asked.repairs) {
		const { json } = await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${requestId}`);
		const approved = await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${requestId}/approve`, {
			body: { digest: json.digest },
		});
		t.is(approved.json.state, 'executed', approved.text);
	}
	t.like(await repair('hso-operator'), { repairs: [], doors: 'shut' });
	t.is(changes.at(-1)?.doors, 'shut');

	// Somebody makes an account and logs in, past the proxy.
	const direct = async (path: string, body: unknown, headers = {}) => {
		const answer = await fetch(`${site.bmcs.node1.url}/redfish/v1/${path}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json', ...headers },
			body: JSON.stringify(body),
		});
		return { status: answer.status, token: { 'x-auth-token': answer.headers.get('x-auth-token') ?? '' } };
	};
	const basic = Buffer.from(`root:${bmcPassword}`).toString('base64');
	const mallory = { UserName: 'mallory', Password: 'Mallorys-1', RoleId: 'Administrator' };
	const make = (headers: object) => direct('AccountService/Accounts', mallory, headers);
	t.is((await make({ authorization: `Basic ${basic}` })).status, 401, 'Basic is shut');
	const root = await direct('SessionService/Sessions', { UserName: 'root', Password: bmcPassword });
	t.is((await make(root.token)).status, 201);
	const { token } = await direct('SessionService/Sessions', { UserName: 'mallory', Password: 'Mallorys-1' });
	const look = async () =>
		(await fetch(`${site.bmcs.node1.url}/redfish/v1/Systems/system`, { headers: token })).status;
	t.is(await look(), 200);
	const drift = nextChange();
	site.clock.advance(every);
	await drift;
	t.is(changes.at(-1)?.doors, 'open');
	t.true(changes.at(-1)?.openDoors.includes('account mallory'));
	t.true(site.records.some(record => record.kind === 'doors' && record.open.includes('account mallory')));
	t.true(site.log.some(line => line.includes('account mallory') && JSON.parse(line).level !== 'info'));
	const metrics = await (await fetch(`${site.ops}/metrics`)).text();
	t.regex(metrics, /bimetal_bmc_doors_open\{bmc="node1"\S*\} 2/);

	const repaired = await repair('cp-operator');
	t.deepEqual(
		repaired.repairs.map(({ doors: [door = ''], outcome }) => [door.replace(/ .*/, ''), outcome]),
		[
			['session', 'shut'],
			['account', 'waiting'],
		],
	);
	t.is(await look(), 401);
	t.true(
		site.records.some(
			record =>
				record.kind === 'doors' && record.operator === 'cp-operator' && /^session/.test(record.open[0] ?? ''),
		),
	);

	// A subscription made past the proxy, and a stream that is not the proxy's.
	await direct(
		'EventService/Subscriptions',
		{ Destination: 'https://mallory.example/in?key=secret', Protocol: 'Redfish' },
		root.token,
	);
	const follows = { headers: { ...root.token, accept: 'text/event-stream' } };
	const stream = await fetch(`${site.bmcs.node1.url}/redfish/v1/EventService/SSE`, follows);
	t.is(stream.status, 200);
	const streamEnds = stream.text().catch(() => 'cut');
	const pushing = nextChange();
	site.clock.advance(every);
	await pushing;
	const events = (names: readonly string[] = []) => names.filter(name => name.startsWith('event'));
	const subscription = 'event subscription 1000 to https://mallory.example';
	t.deepEqual(events(changes.at(-1)?.openDoors), [subscription, 'event stream sse1']);
	const ended = await repair('hso-operator');
	t.deepEqual(
		ended.repairs
			.filter(({ doors }) => events(doors).length > 0)
			.map(({ doors: [door], outcome }) => [door, outcome]),
		[
			[subscription, 'shut'],
			['event stream sse1', 'shut'],
		],
	);
	t.deepEqual(events(ended.openDoors), []);
	await streamEnds;
	t.deepEqual(
		site.records.flatMap(record =>
			record.kind === 'doors' && record.operator === 'hso-operator' ? events(record.open) : [],
		),
		[subscription, 'event stream sse1'],
	);

	// What cannot be seen is not taken for shut.
	const gone = nextChange();
	site.bmcs.node1.fault({ down: true });
	site.clock.advance(every);
	await gone;
	t.like((await shown())[0], { doors: 'unknown', openDoors: [] });
	t.truthy((await shown())[0].doorsReason);
	t.is((await site.ask('cp-operator', 'POST', '/p2c/v1/bmcs/nowhere/repair', { body: {} })).status, 404);
	t.is((await site.ask(null, 'POST', '/p2c/v1/bmcs/node1/repair', { body: {} })).status, 401);
});
