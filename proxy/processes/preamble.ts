import type { X509Certificate } from 'node:crypto';
import { X509Certificate as Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { z } from 'zod';

/** Whose connection is handed over: what home would see of the socket, were it its own. */
const preamble = z.strictObject({
	/** '' for the main port, or a BMC's name. */
	door: z.string(),
	address: z.string().optional(),
	port: z.int().optional(),
	family: z.string().optional(),
	localAddress: z.string().optional(),
	localPort: z.int().optional(),
	/** Whether OpenSSL found the client's certificate good. */
	authorized: z.boolean(),
	/** DER, base64. */
	certificate: z.string().optional(),
});
export type Preamble = z.infer<typeof preamble>;

/** Bytes: a certificate of 16 KiB and some. */
const longest = 64 * 1024;

/**
 * What goes before the first byte of a handed-over request: four bytes of length, then JSON. It stands where no
 * client can write, as the PROXY protocol has it; a header would have to be told from a client's own.
 */
export function renderPreamble(door: string, socket: TLSSocket): Buffer {
	const certificate = socket.getPeerX509Certificate?.();
	const text = JSON.stringify({
		door,
		address: socket.remoteAddress,
		port: socket.remotePort,
		family: socket.remoteFamily,
		localAddress: socket.localAddress,
		localPort: socket.localPort,
		authorized: socket.authorized,
		certificate: certificate?.raw.toString('base64'),
	} satisfies Preamble);
	const bytes = Buffer.alloc(4 + Buffer.byteLength(text));
	bytes.writeUInt32BE(bytes.length - 4);
	bytes.write(text, 4);
	return bytes;
}

/** Reads the preamble and leaves all that follows it in the socket. Rejects when there is no good one. */
export function readPreamble(socket: Socket): Promise<Preamble> {
	return new Promise((resolve, reject) => {
		let length: number | undefined;
		const end = () => reject(new Error('a connection without a preamble'));
		const look = (): void => {
			try {
				length ??= (socket.read(4) as Buffer | null)?.readUInt32BE();
				if (length === undefined) return;
				if (length > longest) throw new Error('a preamble that is too long');
				const text = socket.read(length) as Buffer | null;
				if (text === null) return;
				socket.off('readable', look).off('close', end);
				resolve(preamble.parse(JSON.parse(text.toString('utf8'))));
			} catch (fault) {
				socket.off('readable', look).off('close', end);
				reject(fault);
			}
		};
		socket.on('readable', look).on('close', end);
		look();
	});
}

/** Makes the socket say of its peer what the preamble says. */
export function impersonate(socket: Socket, peer: Preamble): void {
	const { certificate } = peer;
	const shown: X509Certificate | undefined =
		certificate === undefined ? undefined : new Certificate(Buffer.from(certificate, 'base64'));
	const own = (value: unknown): PropertyDescriptor => ({ value, configurable: true });
	Object.defineProperties(socket, {
		remoteAddress: own(peer.address),
		remotePort: own(peer.port),
		remoteFamily: own(peer.family),
		localAddress: own(peer.localAddress),
		localPort: own(peer.localPort),
		encrypted: own(true),
		authorized: own(peer.authorized),
		getPeerX509Certificate: own(() => shown),
	});
}
