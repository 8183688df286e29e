import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import { pinnedConnector } from '../forward/pinned-connector.ts';
import { bmcIdentity, oldPassword, startBench } from './console.fixture.ts';
import { type DoorRules, openDoors, type Surface } from './doors.ts';
import type { Enrolment } from './enrolment-file.ts';
import { type DoorsReport, watchDoors } from './watch-doors.ts';

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
	keep: ['kept'],
	accounts: 'delete',
	shut: [],
};

/** A BMC that is nothing but what it says of its doors. */
function bench(every = 60_000, random = () => 0.5) {
	const clock = new FakeClock();
	const at = '/redfish/v1';
	const link = (path: string) => ({ '@odata.id': path });
	const world: {
		resources: Record<string, unknown>;
		fault: Error | undefined;
		looks: number;
		streams: number;
	} = {
		resources: {
			[`${at}/Managers`]: { Members: [link(`${at}/Managers/bmc`)] },
			[`${at}/Managers/bmc`]: {},
			[`${at}/Managers/bmc/NetworkProtocol`]: { SSH: { ProtocolEnabled: false } },
			[`${at}/AccountService`]: {},
			[`${at}/AccountService/Accounts`]: { Members: [] },
			[`${at}/SessionService/Sessions`]: { Members: [link(`${at}/SessionService/Sessions/1`)] },
			[`${at}/SessionService/Sessions/1`]: { Id: '1', UserName: 'root', ClientOriginIPAddress: '192.0.2.7' },
		},
		fault: undefined,
		looks: 0,
		streams: 0,
	};
	const connection = {
		target: { name: 'node1', rack: 'rack1', url: '' },
		async send({ target }: { target: string }) {
			if (target === `${at}/Managers`) world.looks++;
			if (world.fault) throw world.fault;
			const body = world.resources[target];
			const json = Buffer.from(JSON.stringify(body ?? {}));
			return { status: body ? 200 : 404, headers: {}, body: json };
		},
		session: () => `${at}/SessionService/Sessions/1`,
		streams: () => world.streams,
	} as unknown as BmcConnection;
	const changes: DoorsReport[] = [];
	const watch = watchDoors({
		bmcs: new Map([['node1', { connection, enrolment }]]),
		every,
		clock,
		random,
		logger: silentLogger,
		onChange: (_bmc, report) => changes.push(report),
	});
	const ssh = (on: boolean) => {
		world.resources[`${at}/Managers/bmc/NetworkProtocol`] = { SSH: { ProtocolEnabled: on } };
	};
	const settled = async () => {
		for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve));
	};
	return { clock, world, watch, changes, ssh, settled };
}

test('looks soon after the start, then regularly, a tenth more or less', async t => {
	const random = { value: 0.5 };
	const { clock, world, watch, settled } = bench(60_000, () => random.value);
	t.like(watch.report('node1'), { state: 'unknown', checkedAt: null });
	clock.advance(2499);
	t.is(world.looks, 0);
	clock.advance(1);
	await settled();
	t.is(world.looks, 1);
	t.like(watch.report('node1'), { state: 'shut', reason: null, checkedAt: clock.now() });
	random.value = 0;
	clock.advance(60_000);
	await settled();
	t.is(world.looks, 2);
	clock.advance(53_999);
	await settled();
	t.is(world.looks, 2);
	random.value = 0.999;
	clock.advance(1);
	await settled();
	t.is(world.looks, 3);
	clock.advance(65_000);
	await settled();
	t.is(world.looks, 3);
	clock.advance(1000);
	await settled();
	t.is(world.looks, 4);
	watch.close();
	clock.advance(10 * 60_000);
	await settled();
	t.is(world.looks, 4);
});

test('what changes is reported once; what cannot be seen is unknown, not shut', async t => {
	const { world, watch, changes, ssh } = bench();
	const states = () => changes.map(({ state, open }) => [state, ...open.map(({ name }) => name)]);
	await watch.look('node1');
	await watch.look('node1');
	ssh(true);
	await watch.look('node1');
	await watch.look('node1');
	world.fault = proxyErrors.BmcUnreachable('no route to host');
	t.like(await watch.look('node1'), { state: 'unknown', reason: 'no route to host' });
	world.fault = undefined;
	ssh(false);
	await watch.look('node1');
	t.deepEqual(states(), [['shut'], ['open', 'SSH'], ['unknown'], ['shut']]);
	world.resources['/redfish/v1/AccountService/Accounts'] = 'nonsense';
	t.like(await watch.look('node1'), { state: 'unknown' });
	t.like(await watch.look('elsewhere'), { state: 'unknown' });
	watch.close();
});

test('another certificate than the pinned one is an open door', async t => {
	const { world, watch } = bench();
	const { fingerprint } = await bmcIdentity();
	const real = await startBench(t);
	const connect = pinnedConnector({
		fingerprint: 'ab'.repeat(32),
		ca: undefined,
		identity: undefined,
		timeout: 5000,
	});
	const { hostname, port } = new URL(real.bmc.url);
	const mismatch = await new Promise<Error | null>(resolve =>
		connect({ hostname, host: hostname, protocol: 'https:', port }, (...[fault]) => resolve(fault)),
	);
	t.truthy(mismatch);
	world.fault = proxyErrors.BmcUnreachable('the log-in failed', { cause: mismatch });
	const report = await watch.look('node1');
	t.is(report.state, 'open');
	t.regex(report.open[0]?.name ?? '', /certificate/);
	t.true(await real.works(oldPassword), `${fingerprint} is its own`);
	watch.close();
});

test('sessions and accounts: ours, those that are kept, and others', t => {
	const rules: DoorRules = {
		account: 'root',
		keep: ['kept'],
		accounts: 'disable',
		ownSession: '/s/1',
		sameHost: true,
		ownStreams: 0,
	};
	const session = (id: string, account: string, address: string) => ({
		path: `/s/${id}`,
		id,
		account,
		address,
	});
	const surface: Surface = {
		protocols: [],
		accountService: undefined,
		accounts: [
			{ path: '/a/root', name: 'root', enabled: true },
			{ path: '/a/kept', name: 'kept', enabled: true },
			{ path: '/a/off', name: 'off', enabled: false },
			{ path: '/a/new', name: 'new', enabled: true },
		],
		sessions: [
			session('1', 'root', '192.0.2.7'),
			session('2', 'root', '192.0.2.7'), // ours, from before a crash
			session('3', 'root', '192.0.2.8'), // somebody knows the password
			session('4', 'kept', '192.0.2.8'),
			session('5', 'new', '192.0.2.7'),
		],
		subscriptions: [],
	};
	const names = (changed: Partial<DoorRules> = {}) =>
		openDoors(surface, { ...rules, ...changed }).map(({ name }) => name);
	t.deepEqual(names(), [
		'account new',
		'session 3 of root from 192.0.2.8',
		'session 5 of new from 192.0.2.7',
	]);
	t.true(names({ sameHost: false }).includes('session 2 of root from 192.0.2.7'));
	t.is(names({ ownSession: undefined }).length, 5, 'who does not know their own session trusts none');
});

test('whoever the BMC itself tells of its events is an open door; the stream of the proxy is none', async t => {
	const { world, watch } = bench();
	const at = '/redfish/v1/EventService/Subscriptions';
	const openNow = async () => (await watch.look('node1')).open.map(({ name }) => name);
	const list = (...members: { Id: string; SubscriptionType: string; Destination?: string }[]) => {
		// In pages of one: whoever looks at the first alone does not see what is there.
		members.forEach((member, index) => {
			world.resources[`${at}/${member.Id}`] = member;
			world.resources[index === 0 ? at : `${at}?$skip=${index}`] = {
				Members: [{ '@odata.id': `${at}/${member.Id}` }],
				...(index + 1 < members.length && { 'Members@odata.nextLink': `${at}?$skip=${index + 1}` }),
			};
		});
	};
	const stream = (Id: string) => ({ Id, SubscriptionType: 'SSE', Destination: '' });
	const pushed = (Id: string, Destination: string) => ({ Id, SubscriptionType: 'RedfishEvent', Destination });
	world.streams = 1;
	list(stream('a'));
	t.deepEqual(await openNow(), []);
	list(stream('a'), pushed('1000', 'https://hooks.example:8443/x?token=secret'));
	t.deepEqual(await openNow(), ['event subscription 1000 to https://hooks.example:8443']);
	list(pushed('1', 'snmp://192.0.2.1:162'), stream('a'), stream('b'));
	t.deepEqual(await openNow(), [
		'event subscription 1 to snmp://192.0.2.1:162',
		'event stream a',
		'event stream b',
	]);
	world.streams = 0;
	list(stream('a'));
	t.deepEqual(await openNow(), ['event stream a']);
	(world.resources[at] as Record<string, unknown>)['Members@odata.nextLink'] = '/redfish/v1/Chassis?$skip=1';
	t.like(await watch.look('node1'), { state: 'unknown' }, 'what cannot be seen is not taken for shut');
	watch.close();
});
