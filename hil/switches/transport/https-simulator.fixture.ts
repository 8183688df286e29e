import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { systemClock } from '../../../common/clock.ts';
import { listen } from '../../../common/http/listen.ts';
import { createAuthority, type Identity, issueServerCertificate } from '../../../common/identity/site-ca.ts';

export interface SimulatedRequest {
	readonly method: string;
	/** As it was sent, percent-encoded. */
	readonly path: string;
	readonly headers: NodeJS.Dict<string | string[]>;
	readonly body: string;
}

export interface SimulatedResponse {
	readonly status: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string;
}

/** What goes wrong with one request. */
export type Fault =
	/** The connection ends before the device has read it. */
	| { readonly kind: 'cut before' }
	/** The device does it, and the answer is lost. */
	| { readonly kind: 'cut after' }
	/** The device does it, and says something instead of its answer. */
	| { readonly kind: 'says'; readonly response: SimulatedResponse }
	/** The device says that, and does nothing. */
	| { readonly kind: 'pretends'; readonly response: SimulatedResponse }
	/** An answer without an end. */
	| { readonly kind: 'endless' }
	/** The device takes it up when `until` has come. */
	| { readonly kind: 'slow'; readonly until: Promise<unknown> };

export interface HttpsSimulator {
	readonly host: string;
	/** PEM of who signed its certificate. */
	readonly ca: string;
	/** Every request that came with the right account. */
	readonly requests: SimulatedRequest[];
	/** How often somebody came with another account. */
	turnedAway: number;
	connections: number;
	/** Asked for each request. */
	fault: ((request: SimulatedRequest) => Fault | undefined) | undefined;
	/** Ends every connection, as a switch that is switched off does. */
	endConnections(): void;
	close(): Promise<void>;
}

export const account = { username: 'hil', password: 'correct horse' };

let authority: Promise<Identity> | undefined;
const certificates = new Map<string, Promise<Identity>>();

/** One authority for all simulators of a test file, and a certificate for each address: keys take long to make. */
async function identify(address: string): Promise<{ readonly ca: string; readonly server: Identity }> {
	authority ??= createAuthority({ name: 'switches', clock: systemClock });
	const signer = await authority;
	const server =
		certificates.get(address) ??
		issueServerCertificate({ authority: signer, names: [], addresses: [address], clock: systemClock });
	certificates.set(address, server);
	return { ca: signer.certificatePem, server: await server };
}

/**
 * A device's HTTPS server with Basic authentication; thrown by `handle`, an error ends the connection. Its certificate
 * is for `address`.
 */
export async function startHttpsSimulator(
	handle: (request: SimulatedRequest) => SimulatedResponse,
	address = '127.0.0.1',
): Promise<HttpsSimulator> {
	const { ca, server: identity } = await identify(address);
	const expected = `Basic ${Buffer.from(`${account.username}:${account.password}`).toString('base64')}`;
	async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
		const chunks: Buffer[] = [];
		for await (const chunk of incoming) chunks.push(chunk);
		const { method = '', url: path = '', headers } = incoming;
		if (headers.authorization !== expected) {
			simulator.turnedAway++;
			outgoing.writeHead(401, { 'www-authenticate': 'Basic realm="switch"' }).end('Unauthorized');
			return;
		}
		const request = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') };
		const fault = simulator.fault?.(request);
		if (fault?.kind === 'slow') await fault.until;
		if (fault?.kind === 'cut before') throw new Error('cut');
		const response = fault?.kind === 'pretends' ? fault.response : handle(request);
		simulator.requests.push(request);
		if (fault?.kind === 'cut after') throw new Error('cut');
		const { status, headers: own, body = '' } = fault?.kind === 'says' ? fault.response : response;
		outgoing.writeHead(status, own);
		if (fault?.kind === 'endless') writeForEver(outgoing);
		else outgoing.end(body);
	}
	const server = createServer(
		{ cert: identity.certificatePem, key: identity.keyPem },
		(incoming, outgoing) => void serve(incoming, outgoing).catch(() => outgoing.destroy()),
	);
	server.on('secureConnection', () => simulator.connections++);
	const listening = await listen(server, { host: '127.0.0.1', port: 0 });
	const simulator: HttpsSimulator = {
		host: `127.0.0.1:${listening.port}`,
		ca,
		requests: [],
		turnedAway: 0,
		connections: 0,
		fault: undefined,
		endConnections: () => server.closeAllConnections(),
		close: () => listening.close(0),
	};
	return simulator;
}

function writeForEver(outgoing: ServerResponse): void {
	const more = (): void => {
		while (!outgoing.destroyed && outgoing.write(' '.repeat(65_536)));
	};
	outgoing.on('drain', more).on('error', () => undefined);
	more();
}
