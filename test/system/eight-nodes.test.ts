// Eight servers without disks boot at once from clones of one image, keep what they write, and carry it to another server; none of
// them gets at the disk of another, and one on another VLAN hears of nothing. All parts are the real ones.
import type { ExecutionContext } from 'ava';
import { iscsi } from '../../provisioner/target/libiscsi.fixture.ts';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { type GuestConsole, guestConsole } from './guest-console.ts';
import { packets } from './packets.ts';
import { rackParts, startProvisionedRack } from './provisioned-rack.ts';
import { stranger } from './stranger.ts';

const test = testNeeding(...rackParts, 'e2fsprogs', 'libiscsi-bin');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 500;
const portal = '10.64.0.1:3260';

interface Guest {
	readonly node: VirtualNode;
	readonly name: string;
	readonly console: GuestConsole;
}

/** What a node's firmware was told of its disk. */
interface Secrets {
	readonly iqn: string;
	readonly initiator: string;
	readonly username: string;
	readonly password: string;
	readonly address: string;
}

const together = <T, R>(all: readonly T[], work: (one: T, index: number) => Promise<R>): Promise<R[]> =>
	Promise.all(all.map(work));

const booted = (guests: readonly Guest[], count: number): Promise<unknown> =>
	together(guests, async ({ name, console }) => {
		await console.waitFor(new RegExp(`boot ${count} of ${name} root=iscsi`), patience);
		await console.waitFor(/# /, patience);
	});

const noted = (guests: readonly Guest[]): Promise<string[]> =>
	together(guests, async ({ console }) => (await console.run('cat /root/who', patience)).trim());

async function secretsOf({ console }: Guest): Promise<Secrets> {
	const files = [
		'target0/target-name',
		'initiator/initiator-name',
		'target0/chap-name',
		'target0/chap-secret',
	];
	const all = [...files, 'ethernet0/ip-addr'].map(file => `/sys/firmware/ibft/${file}`).join(' ');
	const said = await console.run(`for f in ${all}; do echo "$(cat $f)"; done`, patience);
	const [iqn = '', initiator = '', username = '', password = '', address = ''] = said.trim().split('\n');
	return { iqn, initiator, username, password, address };
}

/** From within a node: it finds its own target only, and gets into no other, whoever's secret it shows. */
async function triesOthers(t: ExecutionContext, { name, console }: Guest, own: Secrets, other: Secrets) {
	const found = await console.run(`iscsiadm -m discovery -t sendtargets -p ${portal}`, patience);
	t.true(found.includes(own.iqn), found);
	t.false(found.includes(other.iqn), `${name} sees its own target only`);
	const set = (key: string, value: string) =>
		`iscsiadm -m node -T $T -p ${portal} -o update -n node.session.auth.${key} -v ${value}`;
	const logIn = async (target: string, username: string, password: string): Promise<string> => {
		await console.run(`T=${target}; iscsiadm -m node -T $T -p ${portal} -o new > /dev/null`, patience);
		await console.run(
			`${set('authmethod', 'CHAP')}; ${set('username', username)}; ${set('password', password)}`,
			patience,
		);
		return console.run(`iscsiadm -m node -T $T -p ${portal} --login 2>&1; echo "code=$?"`, patience);
	};
	const tried: [string, string, string, string][] = [
		['its own secret', other.iqn, own.username, own.password],
		["the other's secret", other.iqn, other.username, other.password],
		['a wrong secret', other.iqn, other.username, 'not-the-secret-of-it'],
	];
	for (const [what, ...as] of tried) {
		const said = await logIn(...as);
		t.notRegex(said, /code=0|successful/, `${name} at another's target with ${what}`);
		t.regex(said, /code=\d+/);
	}
	const sessions = await console.run('iscsiadm -m session', patience);
	t.false(sessions.includes(other.iqn), sessions);
}

const size = ({ iqn }: Secrets, as: Parameters<typeof iscsi>[2]) =>
	iscsi('iscsi-readcapacity16', `iscsi://${portal}/${iqn}/1`, as);

test('eight nodes boot at once from one image, keep what they write, and carry it to another server', async t => {
	t.timeout(1_500_000);
	const since = performance.now();
	const stage = (what: string): void =>
		t.log(`${what} at ${Math.round((performance.now() - since) / 1000)} s`);
	const { file } = await buildDebianImage();
	const rack = await startProvisionedRack(t, { count: 9, server: 'memory: 224MiB, firmware: bios' });
	const { provisioner, site } = rack;
	const { hil } = site;
	const guests = rack.nodes
		.slice(0, 8)
		.map((node): Guest => ({ node, name: node.name, console: guestConsole(node) }));
	const [first, second] = guests;
	const outsider = rack.nodes[8];
	if (!first || !second || !outsider) throw new Error('the rack has too few servers');
	await provisioner.upload('debian', file);
	stage('image');

	// Of another project, on another VLAN, and set to boot from the network.
	await hil.root('POST', '/v0/project/red/detach_node', { node: outsider.name });
	await hil.root('PUT', '/v0/project/blue');
	await hil.root('PUT', '/v0/network/elsewhere', { owner: 'blue', access: 'blue', net_id: '' });
	await hil.root('POST', '/v0/project/blue/connect_node', { node: outsider.name });
	await hil.client.change([
		{ do: 'connect_network', node: outsider.name, nic: 'eth0', network: 'elsewhere' },
	]);
	await hil.client.setObm(outsider.name, true);
	await hil.client.setBootDevice(outsider.name, 'pxe');
	await hil.client.power(outsider.name, 'on');

	const provision = (body: (index: number) => object) =>
		together(guests, async ({ name }, index) => {
			const asked = { project: 'red', ...body(index) };
			return provisioner.ended((await provisioner.post(`/v1/nodes/${name}/provision`, asked)).id);
		});
	await provision(() => ({ image: 'debian' }));
	await booted(guests, 1);
	stage('booted');
	await together(guests, ({ console, name }) =>
		console.run(`echo "written by ${name}" > /root/who && sync`, patience),
	);

	const secrets = await together(guests, secretsOf);
	const [own, other] = secrets;
	if (!own || !other) throw new Error('unreachable');
	t.is(new Set(secrets.map(({ iqn }) => iqn)).size, 8);
	t.is(new Set(secrets.map(({ password }) => password)).size, 8);
	await triesOthers(t, first, own, other);
	const intruder = await stranger(t, rack, rack.vlan);
	await intruder.become('10.64.0.200');
	const as = { ...own, network: intruder.network };
	t.is((await size(own, as)).code, 1, 'with its secret, from elsewhere');
	t.false((await iscsi('iscsi-ls', `iscsi://${portal}`, as)).text.includes(own.iqn));
	stage('tried');

	await together(guests, ({ name }) => hil.client.power(name, 'force-cycle'));
	await booted(guests, 2);
	const names = guests.map(({ name }) => `written by ${name}`);
	t.deepEqual(await noted(guests), names, 'after a power cut');
	stage('booted again');

	// The node is off, and somebody takes its addresses.
	await hil.client.power(first.name, 'off');
	await intruder.become(own.address, first.node.plan.nics[0]?.mac);
	t.is((await size(own, { ...as, password: 'not-the-secret-of-it' })).code, 1, 'with a wrong secret');
	t.is((await size(own, { initiator: own.initiator, network: as.network })).code, 1, 'without a secret');
	t.is((await size(own, as)).code, 0, 'its address and its secret are what lets it in');
	await intruder.become('10.64.0.200', '02:00:00:00:00:c8');

	const heard = await packets(rack, outsider);
	t.is(heard.toNode, 0, 'nothing comes to another VLAN');
	t.true(heard.fromNode > 0, 'it asked');
	t.true((await packets(rack, second.node)).toNode > 0, 'who is on the VLAN gets what is counted');
	t.notRegex(await guestConsole(outsider).said(), /10\.64\.0\.|bimetal image/);
	const elsewhere = Number((await hil.client.networks()).elsewhere?.network_id);
	t.not(elsewhere, rack.vlan);
	const far = await stranger(t, rack, elsewhere);
	await far.become('10.64.0.201');
	t.is((await iscsi('iscsi-ls', `iscsi://${portal}`, { ...own, network: far.network })).code, 1);
	stage('nobody else got in');

	await together(guests, async ({ name }) =>
		provisioner.ended((await provisioner.post(`/v1/nodes/${name}/deprovision`, {})).id),
	);
	await intruder.become(own.address, first.node.plan.nics[0]?.mac);
	t.is((await size(own, as)).code, 1, 'the target of one that is taken off is gone');
	await intruder.become('10.64.0.200', '02:00:00:00:00:c8');
	stage('off');
	const next = (index: number): Guest => guests[(index + 1) % guests.length] ?? first;
	await provision(index => ({ disk: next(index).name }));
	await booted(guests, 3);
	t.deepEqual(
		await noted(guests),
		guests.map((_, index) => `written by ${next(index).name}`),
		'on another server',
	);
	stage('moved');
	t.deepEqual(provisioner.errors(), []);
});
