// hil as `bimetal up` starts it: the rack's servers recorded as their BMCs describe them, and found again.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import { createTerminal } from '../../cli/test-terminal.ts';
import { createHilClient, type HilClient } from '../../hil/client.ts';
import { type Site, startSite } from '../site.ts';

async function stateFolder(t: ExecutionContext): Promise<string> {
	const state = await mkdtemp(path.join(tmpdir(), 'bimetal-hil-up-'));
	t.teardown(() => rm(state, { recursive: true, force: true }));
	return state;
}

/** A client of the project's user; of the administrator, when there is no project. */
async function asUser<R>(
	{ line, ca }: Site,
	project: string | null,
	work: (client: HilClient) => Promise<R>,
): Promise<R> {
	const user = line.hil.users.find(each => each.project === project);
	const { name: username = '', password = '' } = user ?? {};
	const client = createHilClient({ url: line.hil.url, ca, username, password });
	try {
		return await work(client);
	} finally {
		await client.close();
	}
}

const everything = (site: Site) =>
	asUser(site, null, async client => {
		const { administration: hil } = client;
		const names = [...(await hil.nodes())].sort();
		const nodes = await Promise.all(names.map(name => client.node(name)));
		const [projects, users, tor] = [await hil.projects(), await hil.users(), await hil.switch('tor')];
		return { nodes, projects, users, tor, networks: await client.networks() };
	});

test('servers are recorded as their BMCs describe them; what was done is found again, also at the switch', async t => {
	t.timeout(300_000);
	const state = await stateFolder(t);
	const first = await startSite({ state, args: ['--servers', '2'] });
	const before = await everything(first);
	const { body } = await first.as('HSO', 'node2').get('/redfish/v1/Systems/system/EthernetInterfaces/nic0');
	const [, node2] = before.nodes;
	t.like(node2?.nics[0], { label: 'nic0', macaddr: body.MACAddress, switch: 'tor', port: 'gi1/0/2' });
	const { body: system } = await first.as('HSO', 'node2').get('/redfish/v1/Systems/system');
	t.is(node2?.metadata.ram, String(system.MemorySummary.TotalSystemMemoryGiB));
	t.is(node2?.metadata.location, '"node2"');
	t.is(node2?.metadata.serial, JSON.stringify(system.SerialNumber));
	t.deepEqual(Object.keys(node2?.metadata ?? {}).includes('tpm'), system.TrustedModules !== undefined);

	await asUser(first, 'red', async client => {
		const { nodes } = await client.searchNodes({ where: 'ram >= 128', free: true });
		t.deepEqual(
			nodes.map(({ name }) => name),
			['node1', 'node2'],
		);
		const steps = [
			{ do: 'create_network', network: 'inner', owner: 'red', access: 'red', net_id: '' },
			{ do: 'connect_node', project: 'red', node: 'node2' },
			{ do: 'connect_network', node: 'node2', nic: 'nic0', network: 'inner' },
		];
		await client.settled((await client.change(steps)).actions);
		await client.setObm('node2', true);
		t.is(await client.powerStatus('node2'), 'on');
		// Two servers are up, and CP's policy wants six.
		t.like(await client.power('node2', 'cycle'), { message: 'power_cycle of node2 waits for CP.' });
	});
	const after = await everything(first);
	const { body: asked } = await first.as('CP').get('/p2c/v1/requests?state=waiting');
	t.deepEqual(asked.requests[0].requester, { name: 'hil', party: 'HSO' });
	const terminal = createTerminal({ env: { BIMETAL_HOME: path.join(state, 'cli') } });
	const described = await terminal.run('bmc', 'describe', 'node2', '--as', 'hso');
	t.is(described.code, 0, described.err);
	const { metadata, nics } = parse(described.out).nodes.node2;
	const rack = parse(await readFile(path.join(state, 'rack.yaml'), 'utf8')).nodes.node2;
	t.deepEqual(metadata, rack.metadata);
	t.is(nics.nic0.mac, rack.nics.nic0.mac);
	t.regex((await terminal.run('node', 'show', 'node2', '--as', 'red')).out, /^project +red$/m);
	await first.stop('SIGINT');

	const second = await startSite({ state, args: ['--servers', '3'] });
	t.deepEqual(second.line.hil.users, first.line.hil.users);
	const later = await everything(second);
	t.deepEqual(
		later.nodes.map(({ name }) => name),
		['node1', 'node2', 'node3'],
	);
	t.deepEqual({ ...later, nodes: later.nodes.slice(0, 2), tor: after.tor }, after);
	// The switch in memory has forgotten all; what is asked now is the switch.
	const drift = await asUser(second, null, client => client.administration.drift('tor'));
	t.deepEqual(drift, { ports: [] });
	await asUser(second, 'red', async client => {
		t.is(await client.powerStatus('node2'), 'on', 'also where the proxy has another port now');
	});
	await second.stop();
	for (const { password } of second.line.hil.users) t.false((first.log() + second.log()).includes(password));
});

test('an older state folder gets an account for hil, and keeps what people wrote into its files', async t => {
	t.timeout(300_000);
	const state = await stateFolder(t);
	const first = await startSite({ state, args: ['--servers', '1'] });
	await first.stop();
	const operators = path.join(state, 'operators.yaml');
	const people = parse(await readFile(operators, 'utf8')).operators.filter(
		({ name }: { name: string }) => name !== 'hil',
	);
	await writeFile(operators, `# ours\n${stringify({ operators: people })}`, { mode: 0o600 });
	const rack = path.join(state, 'rack.yaml');
	const edited = (await readFile(rack, 'utf8')).replace('ram: 128', 'ram: 256 # two more modules');
	await writeFile(rack, edited, { mode: 0o600 });

	const second = await startSite({ state, args: ['--servers', '1'] });
	const text = await readFile(operators, 'utf8');
	t.true(text.startsWith('# ours\n'));
	t.deepEqual(
		parse(text).operators.map(({ name }: { name: string }) => name),
		['hso-operator', 'cp-operator', 'hil'],
	);
	t.is(await readFile(rack, 'utf8'), edited);
	t.is((await everything(second)).nodes[0]?.metadata.ram, '256');
	await asUser(second, null, async client => {
		await client.setObm('node1', true);
		t.is(await client.powerStatus('node1'), 'on');
		// Somebody else takes over, and shuts hil's account out: a start registers nothing then, and goes on.
		await client.administration.createUser('other', 'correct horse', true);
	});
	const { url } = second.line.hil;
	const other = createHilClient({ url, ca: second.ca, username: 'other', password: 'correct horse' });
	await other.administration.deleteUser('admin');
	await other.close();
	await second.stop();
	const shut = (await readFile(operators, 'utf8')).replace('name: hil', 'name: hil\n    disabled: true');
	await writeFile(operators, shut, { mode: 0o600 });
	const third = await startSite({ state, args: ['--servers', '2'] });
	t.regex(third.log(), /a server could not be described.*node2|node2.*a server could not be described/);
	t.regex(third.log(), /not all of rack\.yaml is registered/);
	await third.stop();
	await rm(state, { recursive: true });
});
