import { z } from 'zod';
import { existingFile } from '../../common/config/values.ts';
import { networkTest } from './destination-guard.ts';

const network = z.string().refine(text => {
	try {
		networkTest([text]);
		return true;
	} catch {
		return false;
	}
}, 'expected a network: 10.1.0.0/16 or 2001:db8::/32');

const destination = (folder: string) =>
	z
		.strictObject({
			/** Host name, or `*.example` for all below it. */
			host: z
				.string()
				.regex(
					/^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/,
					'expected a host name, or *.example',
				)
				.optional(),
			/** Where its address must be; needed for every address that is not public. */
			networks: z.array(network).min(1).optional(),
			ports: z.array(z.int().min(1).max(65_535)).min(1).default([443]),
			/** `unverified` takes any certificate, `http` also no TLS at all. */
			security: z.enum(['https', 'unverified', 'http']).default('https'),
			/** Authority of the receiver's certificate. */
			ca: existingFile(folder).optional(),
		})
		.refine(
			({ host, networks }) => host !== undefined || networks !== undefined,
			'expected host, networks or both',
		);

/** `eventService:` of the site file: where each party may have events pushed to, and how many may follow. */
export const eventService = (folder: string) =>
	z
		.strictObject({
			/** By party; a party that is not here can follow events, and have them pushed nowhere. */
			destinations: z.record(z.string(), z.array(destination(folder))).default({}),
			streamsPerOperator: z.int().min(1).max(1000).default(16),
			subscriptionsPerParty: z.int().min(1).max(1000).default(20),
		})
		.default({ destinations: {}, streamsPerOperator: 16, subscriptionsPerParty: 20 });
