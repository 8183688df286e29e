import { createJsonClient, type JsonClient } from '../../common/http/json-client.ts';

/** What a caller shows: that of hil, whose users these are. */
export type ProvisionerCredential =
	| { readonly username: string; readonly password: string }
	/** A token of Keystone's. */
	| { readonly token: string };

export type ProvisionerClientOptions = ProvisionerCredential & {
	/** The provisioner's origin: `https://provisioner.example:5001`. */
	readonly url: string;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca?: string | undefined;
	/** Milliseconds without a sign of life; 60,000 when absent. */
	readonly timeout?: number | undefined;
	/** Ends every call under way when it is aborted. */
	readonly signal?: AbortSignal | undefined;
};

export type ProvisionerTransport = Pick<JsonClient, 'call' | 'send' | 'close'>;

export const createTransport = ({
	url,
	ca,
	timeout,
	signal,
	...credential
}: ProvisionerClientOptions): ProvisionerTransport =>
	createJsonClient('Provisioner', { url, ca, timeout, signal, credential });

/** Of an upload that begins (tus 1.0.0, "Creation"). */
export function uploadHeaders({
	length,
	...metadata
}: { readonly length: number } & Readonly<Record<string, string | number | undefined>>): Record<
	string,
	string
> {
	const pairs = Object.entries(metadata)
		.filter(([, value]) => value !== undefined)
		.map(([key, value]) => `${key} ${Buffer.from(String(value)).toString('base64')}`);
	return {
		'tus-resumable': '1.0.0',
		'upload-length': String(length),
		'upload-metadata': pairs.join(','),
	};
}
