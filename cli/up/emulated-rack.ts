import { join } from 'node:path';
import { hostMacOf } from '../../qemu/bmc/identity.ts';
import { startRack } from '../../qemu/rack/rack.ts';
import { openBmcIdentity } from './demo-site.ts';
import type { MachineRoom } from './machine-room.ts';

/** A rack of emulated servers and their PDU, in this process; what its BMCs remember is in `state`/rack. */
export function emulatedRack(state: string, servers: number): MachineRoom {
	const names = Array.from({ length: servers }, (_, i) => `node${i + 1}`);
	return {
		names,
		what: 'broker, rack and PDU',
		access: name => ({ ca: 'ca/site.crt.pem', username: 'root', password: `secrets/bmc-${name}` }),
		async start({ site, events, clock, logger }) {
			const bmcs = new Map(
				await Promise.all(names.map(async name => [name, await openBmcIdentity(site, name, clock)] as const)),
			);
			const identityOf = (name: string) => bmcs.get(name) ?? site.pdu;
			return startRack({
				names,
				tls: name => ({
					key: identityOf(name).identity.keyPem,
					cert: identityOf(name).identity.certificatePem,
					ca: site.authority.certificatePem,
				}),
				accounts: name => [{ name: 'root', password: identityOf(name).password, role: 'Administrator' }],
				// Each has one that its BMC knows of, as other vendors' BMCs do: what is registered at hil.
				nics: name => [{ mac: hostMacOf(name), hasCable: true }],
				events,
				clock,
				stateFolder: join(state, 'rack'),
				// Short, so that a server which was restarted counts as up again when the next line is pasted.
				postTimeMs: 2000,
				logger: logger.child({ part: 'rack' }),
			});
		},
	};
}
