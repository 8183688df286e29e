import type { IncomingMessage, ServerResponse } from 'node:http';
import { waitScript, waitSeconds } from './boot-script.ts';
import type { Redeemed, Tickets } from './tickets.ts';

export interface BootServerDeps {
	readonly tickets: Tickets;
	/** Whether its node is still whose it was when it was told to boot here; `unknown`: it asks again. Never rejects. */
	mayRead(mac: string): Promise<'yes' | 'no' | 'unknown'>;
	/** A document of a NIC's, as it is now; undefined: there is none any more. */
	document(mac: string, name: string): string | undefined;
	/** It has arrived. */
	read(mac: string, name: string): void;
	/** The node says that it needs no more. */
	done(mac: string): void;
	/** Somebody asked for what is not, or not any more, for them. */
	refused(of: { from: string; mac?: string | undefined; reason: string; document: string }): void;
}

export const scriptName = 'boot.ipxe';
/** What a node asks for to say that it has all. */
export const doneName = 'done';

const answers = { unknown: 404, address: 404, used: 410, over: 410 } as const;

/**
 * `GET /TICKET/DOCUMENT`: to the node's address, once. Whoever asks a second time is told so (410): then the first may not have
 * been the node. `POST /TICKET/done` takes the ticket back.
 */
export const bootServer =
	(deps: BootServerDeps, offered: readonly string[]) =>
	(request: IncomingMessage, response: ServerResponse): void => {
		request.resume();
		const from = request.socket.remoteAddress ?? '';
		const [, ticket = '', document = ''] = /^\/([\w-]{43})\/([a-z.-]{1,32})$/.exec(request.url ?? '') ?? [];
		const wanted = request.method === 'POST' ? doneName : document;
		const isOffered = document === wanted && offered.includes(document) && isReading(request, document);
		const redeemed: Redeemed = isOffered
			? deps.tickets.redeem(ticket, document, from)
			: { found: false, reason: 'unknown' };
		if (!redeemed.found) {
			const { reason, mac } = redeemed;
			deps.refused({ from, mac, reason, document });
			const text = reason === 'used' ? 'This was read before. If not by you, by somebody else.\n' : '';
			answer(response, answers[reason], text);
			return;
		}
		const { mac } = redeemed;
		void deps.mayRead(mac).then(mayRead => {
			const text = document === doneName ? '' : deps.document(mac, document);
			if (mayRead !== 'yes' || text === undefined || response.destroyed) {
				redeemed.giveBack();
				if (mayRead === 'unknown') {
					wait(response, document);
					return;
				}
				if (mayRead === 'no') deps.refused({ from, mac, reason: 'owner', document });
				answer(response, 404, '');
				return;
			}
			response.once('close', () => {
				if (!response.writableFinished) redeemed.giveBack();
				else if (document === doneName) deps.done(mac);
				else deps.read(mac, document);
			});
			answer(response, 200, text);
		});
	};

const isReading = ({ method }: IncomingMessage, document: string): boolean =>
	method === (document === doneName ? 'POST' : 'GET');

/** iPXE gives up at an error: it is given a script that asks again. Other readers know what 503 means. */
function wait(response: ServerResponse, document: string): void {
	if (document === scriptName) answer(response, 200, waitScript(scriptName));
	else answer(response.setHeader('retry-after', waitSeconds), 503, '');
}

function answer(response: ServerResponse, status: number, text: string): void {
	response
		.writeHead(status, {
			'content-type': 'text/plain; charset=utf-8',
			'content-length': Buffer.byteLength(text),
			'cache-control': 'no-store',
			connection: 'close',
		})
		.end(text);
}
