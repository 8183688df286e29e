import path from 'node:path';
import { z } from 'zod';
import { isLoopback } from '../../common/network/loopback.ts';
import { profileName, profilesOf } from '../profile.ts';

/** Passwords come with every call: what leaves this machine is encrypted. */
export const hilUrl = z
	.url({ protocol: /^https?$/ })
	.refine(
		text => text.startsWith('https:') || !URL.canParse(text) || isLoopback(new URL(text).hostname),
		'expected https; http to this machine only',
	);

/** A hil and who one is there: what `bimetal hil login` leaves behind for the commands after it. */
const hilProfile = z.strictObject({
	name: profileName,
	url: hilUrl,
	/** PEM of the site CA, or of the one certificate that was trusted at log-in; absent: the system's CAs. */
	ca: z.string().optional(),
	user: z.string(),
	/** Services that go by this hil's users, if they were named. */
	provisioner: hilUrl.optional(),
	attest: hilUrl.optional(),
	market: hilUrl.optional(),
	/** hil knows no sessions: what one logs in with comes with every call. One of these kinds; all are names of files. */
	passwordFile: z.string().optional(),
	certificate: z.string().optional(),
	key: z.string().optional(),
	tokenFile: z.string().optional(),
});
export type HilProfile = z.infer<typeof hilProfile>;

/** Those services, by the names of their options and commands. */
export const siteServices = ['provisioner', 'attest', 'market'] as const;
export type SiteService = (typeof siteServices)[number];

/** Where they are, of those that are known. */
export function servicesOf(profile: HilProfile | undefined): Partial<Record<SiteService, string>> {
	const known = siteServices.map(name => [name, profile?.[name]] as const);
	return Object.fromEntries(known.filter(([, url]) => url !== undefined));
}

/** Beside the proxy's, in a folder of their own: an operator of the proxy is another than a user of hil. */
export const hilProfiles = profilesOf(hilProfile, home => path.join(home, 'hil'));

/** Where a password is kept that was typed. */
export const keptPassword = (home: string, name: string): string =>
	path.join(home, 'hil', `${name}.password`);
