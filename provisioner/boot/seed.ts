import { createHash } from 'node:crypto';
import type { BootEntry } from './boot-network.ts';

/** The documents of a NoCloud seed (cloud-init's documentation, "NoCloud"). */
export const seedNames = ['meta-data', 'user-data', 'vendor-data', 'network-config'] as const;
export type SeedName = (typeof seedNames)[number];

/** What a node's operating system is configured by. JSON, which is YAML too. */
export function seedOf(entry: BootEntry): Readonly<Record<SeedName, string>> {
	const { mac, hostname, keys, userData, target } = entry;
	// Another disk, host name or user data is another machine to cloud-init, which it configures from the start.
	const what = JSON.stringify([target.iqn, mac, hostname, keys, userData]);
	const instance = createHash('sha256').update(what).digest('hex').slice(0, 32);
	return {
		'meta-data': text({
			'instance-id': `bimetal-${instance}`,
			'local-hostname': hostname,
			'public-keys': keys,
		}),
		'user-data': userData ?? '#cloud-config\n{}\n',
		'vendor-data': '#cloud-config\n{}\n',
		// `critical`: the disk is behind this one, which must never be let go.
		'network-config': text({
			version: 2,
			ethernets: { boot0: { match: { macaddress: mac }, dhcp4: true, critical: true } },
		}),
	};
}

const text = (document: object): string => `${JSON.stringify(document)}\n`;
