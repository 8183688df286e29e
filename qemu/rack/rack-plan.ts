import { createHash } from 'node:crypto';
import { byteSize } from '../../common/config/values.ts';
import type { PortVlans } from '../../common/ovsdb/port-vlans.ts';
import type { Identity } from '../bmc/host.ts';
import type { WattsRange } from '../server/server-readings.ts';
import type { RackFile, RackNode } from './rack-file.ts';

/** A rack with nothing left open: what is made of a rack file, the same every time. */
export interface RackPlan {
	readonly name: string;
	readonly nodes: readonly NodePlan[];
	readonly hasSwitch: boolean;
	readonly accelerator: 'auto' | 'kvm' | 'tcg';
	readonly host: string;
	/** 0: any free port. */
	readonly pduPort: number;
	readonly bootTogether: number;
}

export interface NodePlan {
	readonly name: string;
	readonly identity: Identity;
	readonly memoryMiB: number;
	readonly cpus: number;
	readonly firmware: 'uefi' | 'bios';
	readonly disk: DiskPlan | undefined;
	readonly nics: readonly NicPlan[];
	readonly hasTpm: boolean;
	/** What it draws at its outlet. */
	readonly watts: WattsRange;
	/** 0: any free port. */
	readonly bmcPort: number;
	/** Of the PDU, as in `/Outlets/{id}`. */
	readonly outlet: string;
}

export type DiskPlan =
	| { readonly kind: 'empty'; readonly bytes: number }
	/** A copy-on-write copy of qemu/guest's disk. */
	| { readonly kind: 'guest' }
	/** A copy-on-write copy of it, the path of which is absolute. */
	| { readonly kind: 'image'; readonly file: string; readonly format: 'raw' | 'qcow2' };

export interface NicPlan {
	readonly mac: string;
	/** Its port of the switch. */
	readonly port: string;
	/** What its port carries at the start. */
	readonly vlans: PortVlans;
}

type GivenNic = Exclude<Extract<RackNode['nics'], readonly unknown[]>[number], string>;

const mib = 2 ** 20;
const defaultWatts = { idle: 90, busy: 140 };

/**
 * Everything that the file leaves open is made of the rack's name and the node's: a rack that is started again, or
 * elsewhere, has the same addresses and numbers. Throws a ZodError on a disk's size that is none.
 */
export function planRack(file: RackFile): RackPlan {
	const nodes: readonly RackNode[] =
		typeof file.nodes === 'number'
			? Array.from({ length: file.nodes }, (_, index) => ({ name: `node${index + 1}` }))
			: file.nodes;
	const portOf = (index: number): number => (file.firstPort === undefined ? 0 : file.firstPort + index);
	return {
		name: file.name,
		nodes: nodes.map((node, index) => planNode(file, node, index, node.bmcPort ?? portOf(index))),
		hasSwitch: file.switch,
		accelerator: file.accelerator,
		host: file.host,
		pduPort: file.pduPort ?? portOf(nodes.length),
		bootTogether: file.bootTogether ?? 2,
	};
}

function planNode(file: RackFile, node: RackNode, index: number, bmcPort: number): NodePlan {
	const has = { ...file.server, ...node };
	const nics = has.nics ?? 1;
	const given = typeof nics === 'number' ? Array.from({ length: nics }, () => ({})) : nics;
	const path = `${file.name}/${node.name}`;
	return {
		name: node.name,
		identity: {
			serial: node.serial ?? `BM-${file.name}-${node.name}`.toUpperCase(),
			uuid: node.uuid ?? uuidOf(path),
			model: has.model ?? 'BM-1000',
			manufacturer: has.manufacturer ?? 'Bimetal',
			assetTag: node.assetTag ?? node.name,
			mac: macOf(`${path}/bmc`),
		},
		memoryMiB: (has.memory ?? 256 * mib) / mib,
		cpus: has.cpus ?? 1,
		firmware: has.firmware ?? 'uefi',
		disk: planDisk(has.disk ?? 'none'),
		nics: given.map((nic, at) => {
			const { mac, vlan, tagged }: GivenNic = typeof nic === 'string' ? { mac: nic } : nic;
			return {
				mac: mac ?? macOf(`${path}/nic${at}`),
				vlans: { untagged: vlan ?? null, tagged: tagged ?? [] },
				port: `${node.name}.${at}`,
			};
		}),
		hasTpm: has.tpm ?? false,
		watts: has.watts ?? defaultWatts,
		bmcPort,
		outlet: String(index + 1),
	};
}

function planDisk(text: string): DiskPlan | undefined {
	if (text === 'none') return undefined;
	if (text === 'guest') return { kind: 'guest' };
	if (text.startsWith('empty:')) return { kind: 'empty', bytes: byteSize.parse(text.slice('empty:'.length)) };
	return { kind: 'image', file: text, format: /\.(?:raw|img)$/.test(text) ? 'raw' : 'qcow2' };
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Locally administered, of one interface (IEEE 802: the second and the first bit of the first octet). */
function macOf(text: string): string {
	const octets = digestOf(text).slice(0, 10).match(/../g) ?? [];
	return `02:${octets.join(':')}`;
}

/** A UUID of version 8, whose bits are whoever's makes it (RFC 9562 section 5.8). */
function uuidOf(text: string): string {
	const digits = digestOf(`${text}/uuid`);
	return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-8${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
}

/** Tells whether two plans are the same rack. */
export const planDigest = (plan: RackPlan): string => digestOf(JSON.stringify(plan));
