import type { DemoPeople } from './demo-people.ts';

type Site = Pick<DemoPeople, 'authority' | 'operators'> & { readonly folder: string };

/** The folder of the operators' profiles. */
export const profilesOf = (site: Pick<Site, 'folder'>): string => `${site.folder}/cli`;

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
