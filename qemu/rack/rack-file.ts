import { resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../../common/config/read-config.ts';
import { byteSize, existingFile } from '../../common/config/values.ts';

const nodeName = z
	.string()
	.regex(
		/^[a-z][a-z0-9-]{0,31}$/,
		'expected a name of small letters, digits and hyphens that begins with a letter, for instance node1',
	);
const macAddress = z
	.string()
	.regex(/^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}$/, 'expected a MAC address, for instance 02:00:00:00:00:01')
	.transform(text => text.toLowerCase())
	.refine(
		text => (Number.parseInt(text.slice(0, 2), 16) & 1) === 0 && text !== '00:00:00:00:00:00',
		'expected the address of one interface: this one is of a group, or none',
	)
	.describe('Of one interface; one that belongs to nobody begins with 02, 06, 0a or 0e');
const vlan = z.int().min(1).max(4094);
const nic = z.union([
	macAddress,
	z
		.strictObject({
			mac: macAddress.optional(),
			vlan: vlan
				.optional()
				.describe('The VLAN of its switch port at the start, without a tag; without any nothing passes'),
			tagged: z.array(vlan).max(64).optional().describe('VLANs that its port carries with their tags'),
		})
		.refine(({ vlan: own, tagged = [] }) => own === undefined || !tagged.includes(own), {
			message: 'a VLAN is with a tag or without one, not both',
		}),
]);
const uuid = z
	.string()
	.regex(/^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'expected a UUID')
	.transform(text => text.toLowerCase());
/** What SMBIOS, Redfish and a command line all take. */
const label = z
	.string()
	.regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/, 'expected up to 64 printable ASCII characters');
const port = z.int().min(1).max(65_535);
const mib = 2 ** 20;
const watts = z.number().min(10).max(10_000);

const parts = {
	memory: byteSize
		.refine(bytes => bytes % mib === 0 && bytes >= 64 * mib, 'expected whole MiB, at least 64MiB')
		.optional()
		.describe('256MiB where nothing is said'),
	cpus: z.int().min(1).max(16).optional().describe('1 where nothing is said'),
	firmware: z.enum(['uefi', 'bios']).optional().describe('uefi where nothing is said'),
	disk: z
		.string()
		.regex(
			/^(?:none|guest|empty:\d{1,6}(?:\.\d{1,3})?(?:[kMGT]B|[KMGT]iB)|(?!empty:).+)$/,
			'expected none, guest, empty:SIZE (empty:1GiB) or the path of an image',
		)
		.optional()
		.describe(
			'none (the default), guest (a small Linux made of Debian packages), empty:1GiB, or an image (qcow2, or raw where its name ends in .raw or .img), relative to ' +
				'this file: it is never written to, each server has a copy-on-write disk of its own',
		),
	nics: z
		.union([z.int().min(0).max(8), z.array(nic).max(8)])
		.optional()
		.describe('How many, or their MAC addresses; 1 where nothing is said'),
	tpm: z
		.boolean()
		.optional()
		.describe('A TPM 2.0 with an EK certificate of the rack; false where nothing is said'),
	manufacturer: label.optional(),
	model: label.optional(),
	watts: z
		.strictObject({ idle: watts, busy: watts })
		.refine(({ idle, busy }) => idle < busy, 'expected idle below busy')
		.optional()
		.describe(
			'What it draws when its processors have nothing to do, and when all are busy; 90 and 140 where nothing is said',
		),
};
const own = {
	name: nodeName,
	serial: label.optional(),
	uuid: uuid.optional(),
	assetTag: label.optional(),
	bmcPort: port.optional().describe('Where its BMC listens; any free port where nothing is said'),
};
const node = z.strictObject({ ...own, ...parts });

const shape = z
	.strictObject({
		name: z
			.string()
			.regex(
				/^[a-z][a-z0-9-]{0,19}$/,
				'expected up to 20 small letters, digits and hyphens, for instance rack1',
			)
			.describe(
				'Of the rack: MAC addresses, serial numbers and UUIDs are made of it and the names of the nodes',
			),
		nodes: z
			.union([z.int().min(1).max(64), z.array(node).min(1).max(64)])
			.describe('How many (node1, node2, …), or each of them; what a node does not say, `server` does'),
		server: z.strictObject(parts).default({}).describe('What every node is, unless it says otherwise'),
		switch: z
			.boolean()
			.default(true)
			.describe('Open vSwitch with a port for each NIC; needs root. Without it no NIC has a cable'),
		accelerator: z
			.enum(['auto', 'kvm', 'tcg'])
			.default('auto')
			.describe('auto: KVM where a machine really runs under it, else TCG'),
		host: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1').describe('Address of the BMCs and the PDU'),
		firstPort: port
			.optional()
			.describe(
				'BMCs take this port and the ones after it, then the PDU; any free ports where nothing is said',
			),
		pduPort: port.optional(),
		bootTogether: z
			.int()
			.min(1)
			.max(64)
			.optional()
			.describe('How many servers boot at a time when the rack is switched on; 2 where nothing is said'),
	})
	.superRefine(findClashes, { when: () => true });

/** The contents of a rack.yaml, checked; paths in it are absolute. */
export type RackFile = z.infer<typeof shape>;
export type RackNode = z.infer<typeof node>;

/** Throws ConfigError, which lists every problem with its line. */
export function readRackFile(file: string, text?: string): RackFile {
	return readConfig({
		file,
		...(text === undefined ? {} : { text }),
		schema: folder =>
			shape
				.transform(read => withPaths(read, folder))
				.superRefine((read, context) => {
					checkImage(read.server, ['server'], context);
					if (typeof read.nodes === 'number') return;
					for (const [index, each] of read.nodes.entries()) checkImage(each, ['nodes', index], context);
				}),
	});
}

export function rackFileJsonSchema(): object {
	return { title: 'A rack of virtual servers', ...z.toJSONSchema(shape, { io: 'input' }) };
}

function withPaths(file: RackFile, folder: string): RackFile {
	const fix = <T extends { disk?: string | undefined }>(what: T): T =>
		what.disk === undefined || /^(?:none$|guest$|empty:)/.test(what.disk)
			? what
			: { ...what, disk: resolve(folder, what.disk) };
	return {
		...file,
		server: fix(file.server),
		nodes: typeof file.nodes === 'number' ? file.nodes : file.nodes.map(fix),
	};
}

function checkImage(
	{ disk }: { readonly disk?: string | undefined },
	path: (string | number)[],
	context: z.core.$RefinementCtx,
): void {
	if (disk === undefined || /^(?:none$|guest$|empty:)/.test(disk)) return;
	const found = existingFile('/').safeParse(disk);
	for (const { message } of found.error?.issues ?? [])
		context.addIssue({ code: 'custom', path: [...path, 'disk'], message });
}

// What is looked at for clashes, as far as it has the right form: other problems do not hide these.
const lenientNode = z.object({
	name: z.string().optional().catch(undefined),
	serial: z.string().optional().catch(undefined),
	uuid: z.string().optional().catch(undefined),
	bmcPort: z.number().optional().catch(undefined),
	nics: z.array(z.union([z.string(), z.object({ mac: z.string().optional() })]).catch({})).catch([]),
});
const lenient = z.object({
	nodes: z.array(lenientNode.catch({ nics: [] })).catch([]),
	server: z
		.object({ nics: z.array(z.unknown()).optional().catch(undefined) })
		.optional()
		.catch(undefined),
	pduPort: z.number().optional().catch(undefined),
});

/** Two that say they are one and the same. */
function findClashes(value: unknown, context: z.core.$RefinementCtx): void {
	const read = lenient.safeParse(value);
	if (!read.success) return;
	const seen = new Map<string, string>();
	const claim = (
		kind: string,
		what: string | number | undefined,
		path: (string | number)[],
		who: string,
	): void => {
		if (what === undefined) return;
		const key = `${kind} ${String(what).toLowerCase()}`;
		const other = seen.get(key);
		if (other === undefined) seen.set(key, who);
		else context.addIssue({ code: 'custom', path, message: `the ${key} is ${other}'s already` });
	};
	claim('port', read.data.pduPort, ['pduPort'], 'the PDU');
	for (const [index, each] of read.data.nodes.entries()) {
		const who = each.name ?? `node ${index + 1}`;
		claim('name', each.name, ['nodes', index, 'name'], `node ${index + 1}`);
		claim('serial', each.serial, ['nodes', index, 'serial'], who);
		claim('uuid', each.uuid, ['nodes', index, 'uuid'], who);
		claim('port', each.bmcPort, ['nodes', index, 'bmcPort'], who);
		for (const [at, given] of each.nics.entries()) {
			const isText = typeof given === 'string';
			const path = ['nodes', index, 'nics', at, ...(isText ? [] : ['mac'])];
			claim('MAC address', isText ? given : given.mac, path, who);
		}
	}
	for (const [at, given] of (read.data.server?.nics ?? []).entries()) {
		const isMac =
			typeof given === 'string' || (typeof given === 'object' && given !== null && 'mac' in given);
		if (!isMac) continue;
		const message = 'every node would have this MAC address: give it to one node, or say only how many';
		context.addIssue({ code: 'custom', path: ['server', 'nics', at], message });
	}
}
