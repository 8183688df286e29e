// examples/ironic as its reader would do it: Debian's Ironic, unmodified, manages a node that hil has given to a project,
// through the proxy and for as long as hil says so.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { z } from 'zod';
import { listen } from '../../common/http/listen.ts';
import { type Bmc, startBmc } from '../../qemu/bmc/bmc.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { readExample } from './example.ts';
import { startHilSite, writeNetrc } from './hil-site.ts';
import { startProgram } from './running-program.ts';
import { startTerminal } from './terminal.ts';

const test = testNeeding('ironic-common', 'python3-ironicclient', 'python3-sushy', 'curl');

const reset = '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset';
const password = 'the-BMCs-own-password';
const siteFile = z.looseObject({ external: z.object({ Red: z.looseObject({ url: z.url() }) }) });
const shown = z.looseObject({
	power_state: z.string().nullable(),
	target_power_state: z.string().nullable(),
	last_error: z.string().nullable(),
});

/** The rack's feed, as the site's PDU tells of it. */
async function startPdu(t: ExecutionContext) {
	const feed = { watts: 400 };
	const server = createServer((_request, response) => response.end(JSON.stringify([feed])));
	const pdu = await listen(server, { host: '127.0.0.1', port: 0 });
	t.teardown(() => pdu.close(0));
	return {
		feed,
		source: {
			from: 'http',
			url: `http://127.0.0.1:${pdu.port}/`,
			each: '$',
			under: 'Outlets',
			fields: { Power: { path: '$.watts', type: 'number', unit: 'W' } },
			maxAge: '3s',
			timeout: '3s',
		},
	};
}

test('a tenant’s Ironic manages what hil gave the tenant, and nothing any more once it is given back', async t => {
	t.timeout(600_000);
	const example = await readExample('ironic');
	const bmcs = new Map<string, Bmc>();
	for (const name of ['node1', 'node2']) {
		const accounts = [{ name: 'root', password, role: 'Administrator' as const }];
		const bmc = await startBmc({ name, accounts, postTimeMs: 50, shutdownTimeMs: 50 });
		t.teardown(() => bmc.close());
		bmcs.set(name, bmc);
	}
	const { feed, source } = await startPdu(t);
	const { Red } = siteFile.parse(parse(example.yaml('Once: the site'))).external;
	const site = await startHilSite(t, {
		parties: ['HSO', 'CP', 'RED'],
		operators: { RED: 'ironic-red' },
		bmcs: Object.fromEntries([...bmcs].map(([name, { url }]) => [name, { url, password }])),
		policies: path.join(example.folder, 'policies'),
		users: ['alice', 'p2c'],
		external: hil => ({ PDU: source, Red: { ...Red, url: `${hil}${new URL(Red.url).pathname}` } }),
	});
	const { folder, hil, proxy } = site;
	await writeNetrc(folder, ['root', 'alice']);
	const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';
	await hil.root('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	for (const node of bmcs.keys()) {
		const at = node.at(-1) ?? '';
		await hil.register({ node, port: `gi1/0/${at}`, mac: `02:00:00:00:00:0${at}` });
	}

	const terminal = startTerminal(t, {
		cwd: folder,
		env: { HIL: hil.url, CA: path.join(folder, 'ca.pem'), NODE1: proxy.bmcs.node1 ?? '' },
	});
	const follow = (heading: string) => terminal.run(example.commands(heading), 240);
	await follow('Once: the site');
	t.regex(await follow('Take a node'), /"status": ?"DONE"/);
	const address = new URL(hil.url).hostname;
	await startProgram(t, path.join(example.folder, 'start-ironic'), ['ironic', address], {
		cwd: folder,
		// It is to look more often than every minute.
		env: { OS_CONDUCTOR__SYNC_POWER_STATE_INTERVAL: '2' },
		isUp: () =>
			fetch(`http://${address}:6385/`).then(
				({ ok }) => ok,
				() => false,
			),
	});
	t.regex(await follow('Start Ironic'), /redfish/);
	// Without the command line, which takes seconds to start.
	const clouds = parse(await readFile(path.join(folder, 'ironic/clouds.yaml'), 'utf8'));
	const { endpoint, username, password: secret } = clouds.clouds.ironic.auth;
	const authorization = `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`;
	const show = async () => {
		const headers = { authorization, 'X-OpenStack-Ironic-API-Version': '1.6' };
		return shown.parse(await (await fetch(`${endpoint}/v1/nodes/node1`, { headers })).json());
	};
	const node1 = () => bmcs.get('node1');
	/** Until the proxy has heard of it. */
	const feedIs = async (watts: number, verdict: 'execute' | 'wait') => {
		feed.watts = watts;
		const body = { bmc: 'node1', method: 'POST', path: reset, body: { ResetType: 'On' } };
		await until(
			() => proxy.as('CP', 'POST', '/p2c/v1/explain', { body }),
			({ json }) => json.verdict === verdict,
		);
	};
	const changes = (name: string) =>
		bmcs.get(name)?.executed.filter(({ method }) => method !== 'GET').length ?? Number.NaN;
	const waiting = async () => {
		const { json } = await proxy.as('HSO', 'GET', '/p2c/v1/requests?state=waiting');
		return json.requests as { id: string; digest: string; requester: unknown }[];
	};

	// The account, the proxy's certificate and the node are right; Ironic knows the node, and its NIC from hil.
	const enrolled = await follow('Enrol the node');
	t.regex(enrolled, /provision_state +\| available/);
	t.regex(enrolled, /power_state +\| power on/);
	t.regex(enrolled, /02:00:00:00:00:01/);

	const before = changes('node1');
	t.regex(await follow('Power and boot device'), /boot_device +\| pxe/);
	const asked = node1()
		?.executed.filter(({ method }) => method !== 'GET')
		.slice(before);
	t.deepEqual(
		asked?.map(({ body }) => body?.ResetType ?? body?.Boot),
		[
			{ BootSourceOverrideEnabled: 'Continuous', BootSourceOverrideTarget: 'Pxe' },
			'ForceOff',
			'On',
			// Ironic's reboot; then hil's power-off, of which Ironic learns.
			'ForceOff',
			'On',
			'ForceOff',
		],
	);
	t.is(node1()?.powerState(), 'Off');

	// Too much on the feed: HSO is asked, and Ironic waits for what it takes for a slow BMC.
	await feedIs(5000, 'wait');
	await follow('What waits for the site');
	const [asks] = await until(waiting, requests => requests.length === 1);
	const waits = await until(show, ({ target_power_state }) => target_power_state !== null);
	t.like(waits, { power_state: 'power off', target_power_state: 'power on', last_error: null });
	const busy = await terminal.run('baremetal --max-retries 0 node power off node1 || true');
	t.regex(busy, /is locked/);
	t.is(node1()?.powerState(), 'Off');
	const approve = ({ id, digest }: { id: string; digest: string }) =>
		proxy.as('HSO', 'POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } });
	if (asks) t.is((await approve(asks)).status, 200);
	t.like(await until(show, ({ target_power_state }) => target_power_state === null, 60), {
		power_state: 'power on',
		last_error: null,
	});

	// A time-out shorter than a request waits: Ironic gives up and says so, and yet the request stays.
	await terminal.run('baremetal node power off node1 --power-timeout 2');
	const gaveUp = await until(show, ({ last_error }) => last_error !== null, 60);
	t.like(gaveUp, { power_state: 'power on', target_power_state: null });
	t.regex(gaveUp.last_error ?? '', /Failed to change power state to 'power off'/);
	const [left] = await waiting();
	t.truthy(left, 'approved now, it would still be done');

	// Another node than the tenant's: nothing is let through, and nothing waits for a person.
	const other = proxy.bmcs.node2 ?? '';
	t.is((await proxy.as('RED', 'GET', `${other}/redfish/v1/Systems/system`)).status, 403);
	t.is((await proxy.as('RED', 'POST', `${other}${reset}`, { body: { ResetType: 'On' } })).status, 403);
	const boot = { Boot: { BootSourceOverrideTarget: 'Pxe' } };
	t.is((await proxy.as('RED', 'PATCH', `${other}/redfish/v1/Systems/system`, { body: boot })).status, 403);
	t.is((await waiting()).length, 1);

	// hil takes the node back while Ironic still has it, and the old request is approved by mistake.
	await hil.root('PUT', '/v0/node/node1/obm', { enabled: false });
	const own = `${proxy.bmcs.node1}/redfish/v1/Systems/system`;
	await until(
		() => proxy.as('RED', 'GET', own),
		({ status }) => status === 403,
	);
	const done = changes('node1');
	if (left) t.is((await approve(left)).json.state, 'denied');
	t.deepEqual(await waiting(), []);
	await terminal.run('baremetal node power off node1', 60);
	const refused = await until(show, ({ last_error }) => /PolicyDenied/.test(last_error ?? ''), 60);
	t.regex(refused.last_error ?? '', /External\.Red\.Node is \[\]/, 'in the proxy’s words');
	t.is(changes('node1'), done);
	t.is(node1()?.powerState(), 'On');

	await feedIs(400, 'execute');
	await follow('Give it back');
	const free = () => hil.root('GET', '/v0/nodes/free') as Promise<string[]>;
	await until(free, names => names.includes('node1'), 60);
	t.is(node1()?.powerState(), 'Off');
	t.deepEqual(example.untouched(), []);
});
