// A rack in a process of its own, for the test that weighs it: takes the certificates by message, tells where
// its BMCs listen, and then its resident memory whenever asked.
import type { TlsIdentity } from '../redfish/http-server.ts';
import { startRack } from './rack.ts';

interface Start {
	readonly password: string;
	readonly tls: Readonly<Record<string, TlsIdentity>>;
}

process.once('message', async (start: Start) => {
	const rack = await startRack({
		tls: name => {
			const identity = start.tls[name];
			if (!identity) throw new Error(`no certificate for ${name}`);
			return identity;
		},
		accounts: () => [{ name: 'root', password: start.password, role: 'Administrator' }],
	});
	process.send?.({ urls: [...rack.bmcs.map(bmc => bmc.url), rack.pdu.url] });
	process.on('message', () => process.send?.({ rss: process.memoryUsage.rss() }));
	process.once('disconnect', () => void rack.close());
});
