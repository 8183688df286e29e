import type { SshChannel } from '../transport/ssh-channel.ts';
import { createFrameReader, type Framing, FramingError, frame } from './framing.ts';
import { type RpcError, rpcErrorsOf } from './rpc-error.ts';
import { childOf, childrenOf, parseXml, renderXml, textOf, type XmlElement, XmlError, xml } from './xml.ts';

/** A session with a NETCONF server (RFC 6241). One request at a time. */
export interface NetconfSession {
	/** The server's number for it. */
	readonly id: string;
	readonly capabilities: ReadonlySet<string>;
	/** False once it has ended, or one of its requests was given up: nobody knows what comes next on it. */
	readonly isOpen: boolean;
	/**
	 * Sends a request and waits for its reply.
	 * @throws what `away` makes when the session breaks or what comes is no NETCONF; the signal's reason when given up.
	 * Either way the session has ended, and with it the server gives up its lock and what was not committed.
	 */
	call(operation: XmlElement, signal: AbortSignal): Promise<Reply>;
	/** Says goodbye, and waits for the answer as long as the signal lets it. */
	close(signal: AbortSignal): Promise<void>;
}

export type Reply =
	| { readonly kind: 'done'; readonly reply: XmlElement; readonly warnings: readonly RpcError[] }
	| { readonly kind: 'refused'; readonly errors: readonly [RpcError, ...RpcError[]] };

const baseNamespace = 'urn:ietf:params:xml:ns:netconf:base:1.0';
/** Old versions of Junos name it by the namespace. */
const base10 = ['urn:ietf:params:netconf:base:1.0', baseNamespace];
const base11 = 'urn:ietf:params:netconf:base:1.1';
/** In bytes: 4,094 VLANs with all their ports are no more. */
const longestMessage = 8 * 1024 * 1024;

/**
 * Exchanges hellos on a channel (RFC 6241, section 8.1).
 * @param away makes the error for a server that is not there, or that speaks something else
 */
export async function openNetconf(
	channel: SshChannel,
	away: (why: string) => Error,
	signal: AbortSignal,
): Promise<NetconfSession> {
	const reader = createFrameReader(longestMessage);
	let framing: Framing = 'marked';
	let isOpen = true;
	let calls = 0;

	/** Whatever goes wrong in the middle of something ends the session. */
	async function orEnd<R>(work: () => Promise<R>): Promise<R> {
		try {
			return await work();
		} catch (fault) {
			isOpen = false;
			channel.close();
			if (fault instanceof FramingError || fault instanceof XmlError)
				throw away(`does not speak NETCONF as it should: ${fault.message}`);
			throw fault;
		}
	}

	const send = (message: XmlElement, given: AbortSignal): Promise<void> =>
		channel.write(frame(`<?xml version="1.0" encoding="UTF-8"?>${renderXml(message)}`, framing), given);

	async function receive(given: AbortSignal): Promise<XmlElement> {
		for (;;) {
			const message = reader.next();
			if (message !== undefined) return parseXml(message);
			reader.push(await channel.read(given));
		}
	}

	const { id, capabilities } = await orEnd(async () => {
		const offer = [...base10.slice(0, 1), base11].map(uri => xml('capability', uri));
		await send(xml('hello', [xml('capabilities', offer)], { xmlns: baseNamespace }), signal);
		const hello = readHello(await receive(signal), away);
		if (hello.capabilities.has(base11)) {
			framing = 'chunked';
			reader.use('chunked');
		} else if (!base10.some(uri => hello.capabilities.has(uri))) {
			throw away('speaks no version of NETCONF that is known here');
		}
		return hello;
	});

	const call = (operation: XmlElement, given: AbortSignal): Promise<Reply> =>
		orEnd(async () => {
			if (!isOpen) throw away('has ended the session');
			given.throwIfAborted();
			const message = String(++calls);
			await send(xml('rpc', [operation], { xmlns: baseNamespace, 'message-id': message }), given);
			const reply = await receive(given);
			if (reply.name !== 'rpc-reply' || reply.namespace !== baseNamespace)
				throw away(`answered with <${reply.name}> instead of a reply`);
			if (reply.attributes['message-id'] !== message) throw away('answered another request than the last');
			const complaints = rpcErrorsOf(reply);
			const [first, ...others] = complaints.filter(({ isWarning }) => !isWarning);
			return first
				? { kind: 'refused', errors: [first, ...others] }
				: { kind: 'done', reply, warnings: complaints };
		});

	return {
		id,
		capabilities,
		get isOpen() {
			return isOpen && channel.isOpen;
		},
		call,
		async close(given) {
			if (!isOpen) return;
			try {
				await call(xml('close-session'), given);
			} catch {
				// It ends either way.
			}
			isOpen = false;
			channel.close();
		},
	};
}

function readHello(
	hello: XmlElement,
	away: (why: string) => Error,
): { readonly id: string; readonly capabilities: ReadonlySet<string> } {
	if (hello.name !== 'hello' || hello.namespace !== baseNamespace)
		throw away(`greets with <${hello.name}> instead of a hello`);
	const id = textOf(hello, 'session-id') ?? '';
	if (!/^[1-9][0-9]{0,9}$/.test(id)) throw away('greets without the number of a session');
	const offered = childrenOf(childOf(hello, 'capabilities'), 'capability');
	return { id, capabilities: new Set(offered.map(({ text }) => text.trim())) };
}
