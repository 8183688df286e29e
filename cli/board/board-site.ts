import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../common/clock.ts';
import { openServerCertificate } from '../../common/identity/authority-store.ts';
import { type DemoPeople, demoParties, openPeople } from '../up/demo-people.ts';

const shippedPolicies = fileURLToPath(new URL('../../policies', import.meta.url));
/** What is otherwise with one server behind the proxy instead of a rack. */
const ownPolicies = fileURLToPath(new URL('policies', import.meta.url));

/** The site of one board: its people, and what goes onto the board's card. */
export interface BoardSite extends DemoPeople {
	/** On this machine, mode 0700. */
	readonly folder: string;
	/**
	 * Lays out a new card below a folder and returns that folder's path there: what the board's proxy reads, with the
	 * private key that it is known by and the hashes of passwords, but no password, and no authority's key.
	 */
	layOut(folder: string): Promise<string>;
}

/** Opens the site of a board in its folder on this machine, making what is not there yet. */
export async function openBoardSite(folder: string, clock: Clock): Promise<BoardSite> {
	const people = await openPeople(folder, clock);
	return {
		...people,
		folder,
		async layOut(into) {
			const content = join(into, 'content');
			const site = join(content, 'site');
			await mkdir(site, { recursive: true, mode: 0o700 });
			const identity = await openServerCertificate({
				folder: join(folder, 'certificates'),
				name: 'proxy',
				authority: people.authority,
				names: ['localhost', 'bmc.localhost'],
				// Ports of this machine lead to the board's.
				addresses: ['127.0.0.1', '::1'],
				clock,
			});
			const chain = identity.certificatePem + people.authority.certificatePem;
			await writeFile(join(site, 'proxy.chain.pem'), chain);
			await writeFile(join(site, 'proxy.key.pem'), identity.keyPem, { mode: 0o600 });
			for (const party of Object.keys(demoParties)) {
				const name = `${party}.crt.pem`;
				await writeFile(join(site, name), await readFile(join(folder, 'parties', name)));
			}
			await writeFile(join(site, 'operators.yaml'), await readFile(join(folder, 'operators.yaml')), {
				mode: 0o600,
			});
			await cp(shippedPolicies, join(site, 'policies'), { recursive: true });
			await cp(ownPolicies, join(site, 'policies'), { recursive: true });
			return content;
		},
	};
}
