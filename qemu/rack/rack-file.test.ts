import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'ava';
import { ConfigError } from '../../common/config/config-error.ts';
import { rackFileJsonSchema, readRackFile } from './rack-file.ts';
import { planDigest, planRack } from './rack-plan.ts';

const example = new URL('../../examples/rack/', import.meta.url);

function problemsOf(text: string): string[] {
	try {
		planRack(readRackFile('rack.yaml', text));
	} catch (error) {
		if (error instanceof ConfigError) return error.message.split('\n');
		throw error;
	}
	return [];
}

test('the example is a rack of eight, and every node has its own addresses and numbers', async t => {
	const file = new URL('rack.yaml', example).pathname;
	const plan = planRack(readRackFile(file));
	t.is(plan.nodes.length, 8);
	t.deepEqual(plan.nodes.map(({ name, outlet, bmcPort }) => [name, outlet, bmcPort]).at(-1), [
		'node8',
		'8',
		9450,
	]);
	t.is(plan.pduPort, 9451);
	for (const value of [
		(at: number) => plan.nodes[at]?.identity.serial,
		(at: number) => plan.nodes[at]?.identity.uuid,
		(at: number) => plan.nodes[at]?.identity.mac,
		(at: number) => plan.nodes[at]?.nics[0]?.mac,
	])
		t.is(new Set(plan.nodes.map((_, at) => value(at))).size, 8);
	for (const { identity, nics } of plan.nodes) {
		t.regex(nics[0]?.mac ?? '', /^02(?::[0-9a-f]{2}){5}$/);
		t.regex(identity.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
		t.not(identity.mac, nics[0]?.mac);
	}
	t.is(planDigest(planRack(readRackFile(file))), planDigest(plan));
	const text = await readFile(file, 'utf8');
	t.not(
		planDigest(planRack(readRackFile(file, text.replace('name: rack1', 'name: rack2')))),
		planDigest(plan),
	);
});

test('a node says for itself what it has, and the rest is what `server` says', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-rack-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const [a1, b1] = [join(folder, 'a.qcow2'), join(folder, 'b.img')];
	for (const file of [a1, b1]) await writeFile(file, 'x');
	const plan = planRack(
		readRackFile(
			join(folder, 'rack.yaml'),
			[
				'name: r',
				'server: {memory: 512MiB, tpm: true, disk: empty:1GiB, nics: 2}',
				'nodes:',
				'  - {name: a, cpus: 2, disk: a.qcow2, nics: [0A:00:00:00:00:01, {vlan: 5, tagged: [7, 6]}, {}]}',
				`  - {name: b, serial: "X 1", uuid: 2B1F4D5E-6a70-4c81-9d92-a3b4c5d6e7f8, firmware: bios, disk: ${b1}}`,
				'  - {name: c, tpm: false, bmcPort: 9000, watts: {idle: 110, busy: 400}}',
				'  - {name: d, disk: guest}',
				'  - {name: e, disk: none}',
				'switch: false',
			].join('\n'),
		),
	);
	const [a, b, c, d, e] = plan.nodes;
	t.deepEqual([d?.disk, e?.disk], [{ kind: 'guest' }, undefined]);
	t.like(a, { memoryMiB: 512, cpus: 2, firmware: 'uefi', hasTpm: true, bmcPort: 0 });
	t.deepEqual(a?.disk, { kind: 'image', file: a1, format: 'qcow2' });
	t.deepEqual(
		a?.nics.map(({ port, vlans }) => [port, vlans.untagged, vlans.tagged]),
		[
			['a.0', null, []],
			['a.1', 5, [7, 6]],
			['a.2', null, []],
		],
	);
	t.is(a?.nics[0]?.mac, '0a:00:00:00:00:01');
	t.like(b?.identity, { serial: 'X 1', uuid: '2b1f4d5e-6a70-4c81-9d92-a3b4c5d6e7f8' });
	t.deepEqual(b?.disk, { kind: 'image', file: b1, format: 'raw' });
	t.is(b?.nics.length, 2);
	t.like(c, { hasTpm: false, bmcPort: 9000, disk: { kind: 'empty', bytes: 2 ** 30 } });
	t.deepEqual(
		[b?.watts, c?.watts],
		[
			{ idle: 90, busy: 140 },
			{ idle: 110, busy: 400 },
		],
	);
	t.false(plan.hasSwitch);
});

test('all problems are listed at once, each with its place', t => {
	t.deepEqual(
		problemsOf(
			[
				'name: Rack 1',
				'nodes:',
				'  - {name: a, memory: 100kB, nics: [01:00:00:00:00:01, 02:00:00:00:00:09]}',
				'  - {name: a, disk: "empty:lots", serial: S, bmcPort: 9000}',
				'  - {name: c, nics: [{mac: 02:00:00:00:00:09, vlan: 4095}], serial: S, fimrware: bios}',
				'pduPort: 9000',
				'server: {nics: [02:00:00:00:00:07]}',
				'acelerator: kvm',
			].join('\n'),
		),
		[
			'rack.yaml:1:7: "name": expected up to 20 small letters, digits and hyphens, for instance rack1',
			'rack.yaml:3:23: "nodes[1].memory": expected whole MiB, at least 64MiB',
			'rack.yaml:3:37: "nodes[1].nics[1]": expected the address of one interface: this one is of a group, or none',
			`rack.yaml:4:12: "nodes[2].name": the name a is node 1's already`,
			'rack.yaml:4:21: "nodes[2].disk": expected none, guest, empty:SIZE (empty:1GiB) or the path of an image',
			`rack.yaml:4:55: "nodes[2].bmcPort": the port 9000 is the PDU's already`,
			`rack.yaml:5:28: "nodes[3].nics[1].mac": the MAC address 02:00:00:00:00:09 is a's already`,
			'rack.yaml:5:53: "nodes[3].nics[1].vlan": too big: expected number to be <=4094',
			`rack.yaml:5:69: "nodes[3].serial": the serial s is a's already`,
			'rack.yaml:5:72: unknown key "fimrware" in "nodes[3]" (did you mean "firmware"?)',
			'rack.yaml:7:17: "server.nics[1]": every node would have this MAC address: give it to one node, or say only how many',
			'rack.yaml:8:1: unknown key "acelerator" (did you mean "accelerator"?)',
		],
	);
});

test('an image that is not there is said before anything is started', t => {
	t.deepEqual(
		problemsOf('name: r\nnodes: [{name: a, disk: none.qcow2}]\nserver: {disk: /x/y.img}\n').sort(),
		[
			`rack.yaml:2:25: "nodes[1].disk": there is no file ${resolve('none.qcow2')}`,
			'rack.yaml:3:16: "server.disk": there is no file /x/y.img',
		],
	);
});

test("the editors' schema is the reader's", async t => {
	const text = `${JSON.stringify(rackFileJsonSchema(), null, '\t')}\n`;
	const file = new URL('rack.schema.json', example);
	// `UPDATE_SCHEMAS=1 npx ava qemu/rack/rack-file.test.ts` writes it anew.
	if (process.env.UPDATE_SCHEMAS) await writeFile(file, text);
	t.deepEqual(JSON.parse(await readFile(file, 'utf8')), JSON.parse(text));
});
