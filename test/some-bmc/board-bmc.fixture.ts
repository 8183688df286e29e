// The emulated BMC as the Redfish service of an emulated board, with the log-in of an official OpenBMC image: bundled
// into the flash image that flash-of-bmc.ts makes.
import { readFileSync } from 'node:fs';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { publicLogin } from '../../qemu/openbmc/known-images.ts';

const read = (name: string): string => readFileSync(`/etc/board/${name}`, 'utf8');
await startBmc({
	name: 'board',
	host: '0.0.0.0',
	port: 443,
	tls: { key: read('bmc.key'), cert: read('bmc.crt') },
	accounts: [{ name: publicLogin.username, password: publicLogin.password, role: 'Administrator' }],
	failedLoginDelayMs: 0,
	postTimeMs: 1000,
});
process.stdout.write('Started Start bmcweb server.\n');
