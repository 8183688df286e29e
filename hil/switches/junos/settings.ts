import { z } from 'zod';
import { sshHost } from '../transport/ssh-host.ts';

/** The port of NETCONF over SSH (RFC 6242, section 7). */
export const netconfPort = 830;

export const junosSettings = z
	.strictObject({
		hostname: sshHost,
		username: z.string().min(1),
		password: z.string().min(1).optional(),
		/** In OpenSSH's or PEM's format, without a passphrase. */
		private_key: z.string().min(1).optional(),
	})
	.refine(({ password, private_key }) => password !== undefined || private_key !== undefined, {
		message: 'expected a password or a private_key',
	});

/** Physical ports and aggregated ones, without a unit. */
export const isPortName = (name: string): boolean =>
	/^(?:(?:fe|ge|xe|et|mge)-\d{1,3}\/\d{1,2}\/\d{1,3}(?::\d{1,2})?|ae\d{1,4})$/.test(name);
