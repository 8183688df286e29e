// What the site files of several services say in the same words.
import { z } from 'zod';
import { isLoopback } from '../network/loopback.ts';
import { existingFile, secretFile } from './values.ts';

const port = z.int().min(0).max(65535);

/** Where to listen; port 0 takes a free one. */
export const listenAddress = z.strictObject({ host: z.string().default('127.0.0.1'), port });

/** Health and metrics: by default a free port of loopback. */
export const opsAddress = listenAddress.default({ host: '127.0.0.1', port: 0 });

/** A server's certificate and its key, in PEM. */
export const tlsFiles = (folder: string) =>
	z.strictObject({ certificate: existingFile(folder), key: secretFile(folder) });

/** Where passwords are sent: another machine's only over TLS. */
export const serviceUrl = z.url({ protocol: /^https?$/ }).refine(
	// What is no URL at all has been refused by then, and comes here all the same.
	text => !URL.canParse(text) || new URL(text).protocol === 'https:' || isLoopback(new URL(text).hostname),
	'passwords would cross the network: give https, or an address of loopback',
);

/** Another service, and this one's account there. */
export const serviceAccount = (folder: string) =>
	z.strictObject({
		url: serviceUrl,
		ca: existingFile(folder).optional(),
		username: z.string().min(1),
		password: secretFile(folder),
	});

/** A broker that events are published to, and the account there. */
export const brokerAccount = (folder: string) =>
	serviceAccount(folder).extend({ url: z.url({ protocol: /^mqtts?$/ }) });

export const logSettings = z
	.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
	.default({ level: 'info' });

/** For `superRefine` of a site file: passwords come with every call, so without TLS a service listens on loopback only. */
export function refuseInTheClear(
	{ listen: { host }, tls }: { readonly listen: { readonly host: string }; readonly tls?: unknown },
	context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
): void {
	if (tls || isLoopback(host)) return;
	const message = 'other machines reach this address: passwords would cross the network. Give tls as well';
	context.addIssue({ code: 'custom', path: ['listen', 'host'], message });
}
