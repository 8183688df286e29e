import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { connect } from 'node:tls';
import { testImage } from '../../qemu/bmc/test-image.ts';
import type { AskOptions } from './ask.ts';
import type { TestProxy } from './start-proxy.ts';

export const octetsPath = '/redfish/v1/UpdateService/update';
export const multipartPath = '/redfish/v1/UpdateService/update-multipart';

export interface Part {
	readonly head: string;
	readonly content: string | Buffer;
}

/** A form as clients write it: each head a Content-Disposition with more lines, if any. */
export function form(parts: readonly Part[], { boundary = 'abc', end = '\r\n' } = {}): AskOptions {
	const pieces = parts.flatMap(({ head, content }) => [
		Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
		Buffer.from(content),
		Buffer.from('\r\n'),
	]);
	return {
		body: Buffer.concat([...pieces, Buffer.from(`--${boundary}--${end}`)]),
		headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
	};
}

export const parametersPart = (content: string): Part => ({
	head: 'name="UpdateParameters"\r\nContent-Type: application/json',
	content,
});
export const imagePart = (image: Buffer = testImage()): Part => ({
	head: 'name="UpdateFile"; filename="obmc.tar"\r\nContent-Type: application/octet-stream',
	content: image,
});

export const octets = (body: Buffer): AskOptions => ({
	body,
	headers: { 'content-type': 'application/octet-stream' },
});

/** Names of the files that are in the spool. */
export const spooled = (site: Pick<TestProxy, 'folder'>): Promise<string[]> =>
	readdir(path.join(site.folder, 'uploads'));

/** A client that writes what a test tells it to, and gives what came back once `until` is in it, or all of it. */
export async function dial(
	{ bmcUrls, ca }: TestProxy,
	operator: string,
	lines: readonly string[],
	path = octetsPath,
) {
	const { hostname: host, port } = new URL(bmcUrls.node1 ?? '');
	const socket = connect({ host, port: Number(port), ca, servername: 'localhost' });
	await once(socket, 'secureConnect');
	let text = '';
	let wake = () => {};
	socket.setEncoding('latin1').on('data', (piece: string) => {
		text += piece;
		wake();
	});
	socket.on('close', () => wake()).on('error', () => {});
	const credential = Buffer.from(`${operator}:pw-${operator}`).toString('base64');
	socket.write(
		[`POST ${path} HTTP/1.1`, 'Host: localhost', `Authorization: Basic ${credential}`, ...lines, '', ''].join(
			'\r\n',
		),
	);
	const said = async (until: string): Promise<string> => {
		while (!text.includes(until) && !socket.closed) await new Promise<void>(resolve => (wake = resolve));
		return text;
	};
	return { socket, said };
}
