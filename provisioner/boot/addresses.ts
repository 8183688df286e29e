import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Ipv4Range, ipv4Number, ipv4Text } from '../../common/network/ipv4.ts';
import { defineCollection, type Store } from '../../common/store/store.ts';
import { provisionerErrors } from '../errors.ts';
import { bootings, nicsOf } from '../model/booting.ts';
import { hilName } from '../model/names.ts';

const bootAddress = z.strictObject({ network: hilName, mac: z.string(), address: z.ipv4() });
/** The address that a NIC has in a provisioning network. By both their names. */
const bootAddresses = defineCollection('bootAddresses', bootAddress, { network: ({ network }) => network });

export interface AddressOptions {
	readonly store: Store;
	readonly network: string;
	readonly range: Ipv4Range;
	/** Those in the range that are ours. */
	readonly own: readonly string[];
}

/**
 * The address of a NIC, from now on: never that of another one that boots. The first time it follows from the NIC's own, so
 * that a provisioner that has lost its records mostly gives the same. Throws NetworkFault when all are taken.
 */
export function addressOf({ store, network, range, own }: AddressOptions, mac: string): Promise<string> {
	const id = `${network}/${mac}`;
	const fits = (address: string): boolean => {
		const number = ipv4Number(address) ?? -1;
		return number >= range.first && number <= range.last && !own.includes(address);
	};
	return store.transact(async tx => {
		const known = await tx.get(bootAddresses, id);
		if (known && fits(known.address)) return known.address;
		const given = await tx.list(bootAddresses, { where: { index: 'network', equals: network } });
		const taken = new Map(given.map(({ id: of, document }) => [document.address, of]));
		const size = range.last - range.first + 1;
		const start = createHash('sha256').update(mac).digest().readUInt32BE(0) % size;
		const inTurn = function* () {
			for (let step = 0; step < size; step++) {
				const address = ipv4Text(range.first + ((start + step) % size));
				if (fits(address)) yield address;
			}
		};
		const record = async (address: string): Promise<string> => {
			await tx.put(bootAddresses, id, { network, mac, address });
			return address;
		};
		for (const address of inTurn()) if (!taken.has(address)) return record(address);
		// All were given once: that of one that boots no more is free.
		const booting = new Set(
			(await tx.list(bootings)).flatMap(({ document }) =>
				nicsOf(document).map(nic => `${nic.network}/${nic.mac}`),
			),
		);
		for (const address of inTurn()) {
			const of = taken.get(address) ?? '';
			if (booting.has(of)) continue;
			await tx.delete(bootAddresses, of);
			return record(address);
		}
		throw provisionerErrors.NetworkFault(
			`All ${size} addresses of provisioning network ${network} are taken: widen its range.`,
		);
	});
}
