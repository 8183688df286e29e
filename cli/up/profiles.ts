import { type DemoPeople, secretPath } from './demo-people.ts';
import type { UpLine } from './demo-site.ts';

type Site = Pick<DemoPeople, 'authority' | 'operators'> & { readonly folder: string };

/** The folder of the operators' profiles. */
export const profilesOf = (site: Pick<Site, 'folder'>): string => `${site.folder}/cli`;

/** The same for hil and the services whose users are hil's: `--as red`, `--as blue`, `--as admin`. */
export async function saveHilProfiles(
	site: Site,
	{ url, users }: NonNullable<UpLine['hil']>,
	{ provisioner, attest, market }: Pick<UpLine, 'provisioner' | 'attest' | 'market'>,
): Promise<void> {
	const { hilProfiles } = await import('../hil/hil-profile.ts');
	for (const { name, project } of users) {
		await hilProfiles.save(profilesOf(site), {
			name: project ?? name,
			url,
			ca: site.authority.certificatePem,
			user: name,
			...(provisioner && { provisioner: provisioner.url }),
			...(attest && { attest: attest.url }),
			...(market && { market: market.url }),
			passwordFile: secretPath(site.folder, `hil-${name}`),
		});
	}
}

/** So that the lines to try are short: `--as hso` and `--as cp` work in this folder. */
export async function saveProfiles(site: Site, url: string): Promise<void> {
	const { saveProfile } = await import('../profile.ts');
	for (const { name, party, passwordFile } of site.operators) {
		await saveProfile(profilesOf(site), {
			name: party.toLowerCase(),
			url,
			ca: site.authority.certificatePem,
			user: name,
			party,
			passwordFile,
		});
	}
}
