// Every call that HIL's client library and command line make, by the HTTP library that they are made with, in the words that
// they send: no Content-Type, slashes that double, bodies where none is needed. What the client reads out of the answers is there.
import type { ExecutionContext } from 'ava';
import { startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import { v0Routes } from '../../hil/v0/routes.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { type CallOptions, type HilSession, type Method, openHilSession } from '../hil-client/hil-session.ts';

const test = testNeeding('python3-requests');
const uri = 'https://proxy.example/bmc/node-01';
const schema = 'http://schema.massopencloud.org/haas/v0/switches/';

/** What was called, as `METHOD path`. */
type Called = Set<string>;

/**
 * The client as its users see it: what was parsed of a success, undefined where there was nothing; an error is its `type`
 * and `msg`, without which the client itself fails.
 */
function clientOf(session: HilSession, called: Called) {
	return async (method: Method, parts: readonly string[], options?: CallOptions): Promise<unknown> => {
		const { status, json, text } = await session.call(method, parts, options);
		called.add(`${method} ${parts.join('/').replace(/^\/|\/$/g, '')}`);
		if (status >= 200 && status < 300) return options?.bytes === undefined ? (json ?? undefined) : text;
		const { type, msg } = json as { type: string; msg: string };
		throw Object.assign(new Error(msg), { code: type });
	};
}

async function start(t: ExecutionContext) {
	const machines = createMemoryObm();
	const hil = await startHil(t, {
		images: ['debian'],
		obm: {
			...machines,
			openConsole: async () => ({
				kind: 'open',
				output: (async function* () {
					for (;;) yield Buffer.from('login: ');
				})(),
			}),
		},
	});
	const called: Called = new Set();
	const logIn = (username: string) => {
		const session = openHilSession({ endpoint: hil.url, username, password: username });
		t.teardown(() => session.close());
		return clientOf(session, called);
	};
	/** Waits as HIL's users do: by looking at the action again and again. */
	const done = async (client: ReturnType<typeof logIn>, answer: unknown) => {
		const { status_id } = answer as { status_id: string };
		await hil.workers.idle();
		return client('GET', ['networking_action', status_id]);
	};
	return { hil, machines, called, logIn, done };
}

test("all calls of HIL's client library and commands, and what they read of the answers", async t => {
	const { hil, machines, called, logIn, done } = await start(t);
	const root = logIn('root');

	// Users and projects.
	await root('PUT', ['/auth/basic/user', 'alice'], { body: { password: 'alice', is_admin: false } });
	await root('PUT', ['project', 'red']);
	await root('PUT', ['project', 'blue']);
	await root('POST', ['/auth/basic/user', 'alice', 'add_project'], { body: { project: 'red' } });
	await root('POST', ['/auth/basic/user', 'alice', 'add_project'], { body: { project: 'blue' } });
	await root('POST', ['/auth/basic/user', 'alice', 'remove_project'], { body: { project: 'blue' } });
	await root('PATCH', ['/auth/basic/user', 'alice'], { body: { is_admin: false } });
	t.like(await root('GET', ['/auth/basic/users']), { alice: { is_admin: false, projects: ['red'] } });
	t.deepEqual(await root('GET', ['/projects']), ['blue', 'red']);
	t.true(((await root('GET', ['active_extensions'])) as string[]).includes('hil.ext.auth.database'));

	// The switch and what is plugged into it.
	const settings = { hostname: 'mock01', username: 'mockuser', password: 'mockpass' };
	await root('PUT', ['switch', 'mock-01'], { body: { type: `${schema}mock`, ...settings } });
	t.deepEqual(await root('GET', ['/switches']), ['mock-01']);
	const port = ['switch', 'mock-01', 'port', 'gi1/0/4'];
	await root('PUT', port);
	await root('PUT', ['switch', 'mock-01', 'port', 'gi1/0/5']);
	await root('DELETE', ['switch', 'mock-01', 'port', 'gi1/0/5']);
	t.like(await root('GET', ['switch', 'mock-01']), { name: 'mock-01', ports: [{ label: 'gi1/0/4' }] });

	// The node: a value of metadata is a text in quotes, which the command takes off.
	await root('PUT', ['node', 'node-01'], { body: { obmd: { uri, admin_token: 'secret' } } });
	await root('PUT', ['node', 'node-01', 'nic', 'eth0'], { body: { macaddr: 'aa:bb:cc:dd:ee:ff' } });
	await root('PUT', ['node', 'node-01', 'metadata', 'EK'], { body: { value: 'abc' } });
	await root('PUT', ['node', 'node-01', 'metadata', 'old'], { body: { value: 'x' } });
	await root('DELETE', ['node', 'node-01', 'metadata', 'old']);
	await root('POST', [...port, 'connect_nic'], { body: { node: 'node-01', nic: 'eth0' } });

	const alice = logIn('alice');
	t.deepEqual(await alice('GET', ['nodes', 'free']), ['node-01']);
	t.deepEqual(await alice('GET', ['nodes', 'all']), ['node-01']);
	t.is(await alice('POST', ['project', 'red', 'connect_node'], { body: { node: 'node-01' } }), undefined);
	t.deepEqual(await alice('GET', ['project', 'red', 'nodes']), ['node-01']);

	// Networks: the command sends an empty channel when none is named, and an empty net_id.
	await alice('PUT', ['network', 'inner'], { body: { owner: 'red', access: 'red', net_id: '' } });
	await root('PUT', ['network', 'outer'], { body: { owner: 'admin', access: 'red', net_id: '7' } });
	await alice('PUT', ['network', 'inner', 'access', 'blue']);
	await alice('DELETE', ['network', 'inner', 'access', 'blue']);
	t.deepEqual(await alice('GET', ['project', 'red', 'networks']), ['inner', 'outer']);
	t.deepEqual(await root('GET', ['networks']), {
		inner: { network_id: '100', projects: ['red'] },
		outer: { network_id: '7', projects: ['red'] },
	});
	t.like(await alice('GET', ['network', 'inner']), { name: 'inner', owner: 'red', access: ['red'] });
	const nic = ['node', 'node-01', 'nic', 'eth0'];
	const first = await alice('POST', [...nic, 'connect_network'], { body: { network: 'inner', channel: '' } });
	t.deepEqual(await done(alice, first), {
		node: 'node-01',
		nic: 'eth0',
		new_network: 'inner',
		type: 'modify_port',
		channel: 'vlan/native',
		status: 'DONE',
	});
	const tagged = { network: 'outer', channel: 'vlan/7' };
	t.like(await done(alice, await alice('POST', [...nic, 'connect_network'], { body: tagged })), {
		status: 'DONE',
	});
	t.deepEqual(hil.mocks.at('mock01').ports.get('gi1/0/4'), { native: 100, tagged: [7] });
	const attached = { 'node-01': { nic: 'eth0', channel: 'vlan/native', project: 'red' } };
	t.deepEqual(await root('GET', ['network', 'inner', 'attachments']), attached);
	const ofRed = { params: { project: 'red' } };
	t.deepEqual(await alice('GET', ['network', 'inner', 'attachments'], ofRed), attached);
	t.deepEqual(await root('GET', port), {
		node: 'node-01',
		nic: 'eth0',
		networks: { 'vlan/native': 'inner', 'vlan/7': 'outer' },
	});
	t.deepEqual(await root('GET', ['node', 'node-01']), {
		name: 'node-01',
		project: 'red',
		metadata: { EK: '"abc"' },
		nics: [
			{
				label: 'eth0',
				macaddr: 'aa:bb:cc:dd:ee:ff',
				switch: 'mock-01',
				port: 'gi1/0/4',
				networks: { 'vlan/native': 'inner', 'vlan/7': 'outer' },
			},
		],
	});
	t.like(await done(alice, await alice('POST', [...nic, 'detach_network'], { body: { network: 'outer' } })), {
		status: 'DONE',
	});

	// Out-of-band management.
	const node = (call: string) => ['node', 'node-01', call];
	await alice('PUT', node('obm'), { body: { enabled: true } });
	await alice('POST', node('power_off'));
	t.deepEqual(await alice('GET', node('power_status')), { power_status: 'off' });
	await alice('POST', node('power_on'));
	await alice('POST', node('power_cycle'), { body: { force: false } });
	await alice('PUT', node('boot_device'), { body: { bootdev: 'disk' } });
	t.deepEqual(machines.at(uri).done, ['off', 'on', 'cycle', 'boot disk']);
	t.is(await alice('GET', node('console'), { bytes: 14 }), 'login: login: ');
	machines.at(uri).mustWait = true;
	const { status_id, msg } = (await alice('POST', node('power_off'))) as { status_id: string; msg: string };
	t.is(msg, 'power_off of node-01 waits for CP.');
	t.like(await alice('GET', ['networking_action', status_id]), { status: 'PENDING', type: 'power_off' });

	// `project node remove --force`: management off, every port of the node reverted, then the node given back.
	await root('PUT', node('obm'), { body: { enabled: false } });
	const { nics } = (await root('GET', ['node', 'node-01'])) as { nics: { switch: string; port: string }[] };
	for (const { switch: device, port: label } of nics) {
		const reverted = await root('POST', ['switch', device, 'port', label, 'revert']);
		t.like(await done(root, reverted), { status: 'DONE', type: 'revert_port' });
	}
	await root('POST', ['project', 'red', 'detach_node'], { body: { node: 'node-01' } });
	t.deepEqual(await alice('GET', ['nodes', 'free']), ['node-01']);
	t.deepEqual(hil.mocks.at('mock01').ports.get('gi1/0/4'), { native: null, tagged: [] });

	// Headnodes: their commands encode each part of the path, and send an empty object where nothing is needed.
	const quoted = true;
	const empty = { quoted, body: {} };
	t.deepEqual(await alice('GET', ['headnode_images'], { quoted }), ['debian']);
	await alice('PUT', ['headnode', 'hn'], { quoted, body: { project: 'red', base_img: 'debian' } });
	await alice('PUT', ['headnode', 'hn', 'hnic', 'eth0'], empty);
	const hnic = ['headnode', 'hn', 'hnic', 'eth0'];
	await alice('POST', [...hnic, 'connect_network'], { quoted, body: { network: 'inner' } });
	t.like(await alice('GET', ['headnode', 'hn'], { quoted }), { name: 'hn', project: 'red', hnics: ['eth0'] });
	t.deepEqual(await alice('GET', ['project', 'red', 'headnodes'], { quoted }), ['hn']);
	await t.throwsAsync(alice('POST', ['headnode', 'hn', 'start'], empty), { code: 'IllegalStateError' });
	await alice('POST', ['headnode', 'hn', 'stop'], empty);
	await alice('POST', [...hnic, 'detach_network'], empty);
	await alice('DELETE', hnic, { quoted });
	await alice('DELETE', ['headnode', 'hn'], { quoted });

	// All is taken away again.
	await root('POST', [...port, 'detach_nic']);
	await root('DELETE', nic);
	await root('DELETE', ['node', 'node-01']);
	await root('DELETE', port);
	await root('DELETE', ['switch', 'mock-01']);
	await alice('DELETE', ['network', 'inner']);
	await root('DELETE', ['network', 'outer']);
	await root('DELETE', ['project', 'red']);
	await root('DELETE', ['/auth/basic/user', 'alice']);

	const missed = v0Routes()
		.filter(({ path }) => path !== '/openapi.json')
		.filter(({ method, path }) => {
			const pattern = path
				.replace(/^\/|\/$/g, '')
				.replace(/\{\w+(\.\.\.)?\}/g, (_all, dots) => (dots ? '.+' : '[^/]+'));
			return ![...called].some(each => new RegExp(`^${method} ${pattern}$`).test(each));
		})
		.map(({ method, path }) => `${method} ${path}`);
	t.deepEqual(missed, [], 'the interface has nothing that HIL has no call for, and all of it was called');
});

test('refusals are what the client can read: a type that is an error of HIL, and a message', async t => {
	const { logIn } = await start(t);
	const root = logIn('root');
	const codes = async (calls: readonly Promise<unknown>[]) =>
		(await Promise.allSettled(calls)).map(each => (each.status === 'rejected' ? each.reason.code : 'done'));
	await root('PUT', ['project', 'red']);
	t.deepEqual(
		await codes([
			root('PUT', ['project', 'red']),
			root('DELETE', ['project', 'none']),
			root('PUT', ['node', 'n'], { body: { obm: { type: 'ipmi' } } }),
			root('GET', ['networking_action', 'none']),
			root('PUT', ['switch', 's'], { body: { type: `${schema}unheard-of` } }),
		]),
		['DuplicateError', 'NotFoundError', 'ValidationError', 'NotFoundError', 'BadArgumentError'],
	);
	const stranger = logIn('nobody');
	t.deepEqual(await codes([stranger('GET', ['/projects'])]), ['AuthorizationError']);
});
