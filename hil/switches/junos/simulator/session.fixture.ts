import type { ServerChannel } from 'ssh2';
import { createFrameReader, type Framing, frame } from '../../netconf/framing.ts';
import { parseXml, renderXml, type XmlElement, xml } from '../../netconf/xml.ts';
import { stamp } from './device.fixture.ts';
import { type Answer, type Operating, operate } from './operations.fixture.ts';
import { type Complaint, Refusal } from './statements.fixture.ts';

/** What is to go wrong with a request. */
export type Trouble =
	/** The connection breaks before the switch does it, or after it has done it. */
	| { readonly kind: 'cut'; readonly when: 'before' | 'after' }
	/** It is done and answered, and the session ends, as when somebody logs it out. */
	| { readonly kind: 'end' }
	/** It is done, and not answered; or done and answered when the simulator is told to, whatever becomes of the session. */
	| { readonly kind: 'silent' | 'late' }
	/** It is done, and this is sent instead of an answer. */
	| { readonly kind: 'raw'; readonly bytes: string | Buffer }
	/** Nothing of it is done; or all of it, and the answer is no. */
	| { readonly kind: 'refuse' | 'lie'; readonly complaint: Complaint }
	/** It is done, and the answer warns as well. */
	| { readonly kind: 'warn'; readonly message: string };

export interface SessionDeps extends Operating {
	/** Newer versions, set to `rfc-compliant`: NETCONF 1.1, and elements with prefixes. */
	readonly isNew: boolean;
	/** Instead of the usual greeting. */
	readonly greeting?: string | undefined;
	/** Told of each operation; what it gives back goes wrong. */
	readonly onOperation: (name: string) => Trouble | undefined;
	/** Breaks the connection. */
	readonly cut: () => void;
	/** Takes what is to be done late. */
	readonly onLate: (work: () => void) => void;
}

const base = 'urn:ietf:params:xml:ns:netconf:base:1.0';
const base11 = 'urn:ietf:params:netconf:base:1.1';

/** Serves one NETCONF session as mgd does, until it ends. */
export async function serveSession(channel: ServerChannel, deps: SessionDeps): Promise<void> {
	const { editor, isNew } = deps;
	const reader = createFrameReader(4 * 1024 * 1024);
	let framing: Framing = 'marked';
	let isGreeted = false;
	channel.write(deps.greeting ?? frame(hello(editor.id, editor.user, isNew), 'marked'));
	for await (const bytes of channel) {
		reader.push(bytes as Buffer);
		for (let text = reader.next(); text !== undefined; text = reader.next()) {
			const message = parseXml(text);
			if (isGreeted) {
				if (!answer(message)) return;
				continue;
			}
			const offered = message.children.flatMap(({ children }) => children.map(each => each.text.trim()));
			if (message.name !== 'hello' || message.namespace !== base || !offered.some(isBase)) return end();
			isGreeted = true;
			if (!isNew || !offered.includes(base11)) continue;
			framing = 'chunked';
			reader.use('chunked');
		}
	}

	function end(): void {
		channel.write(`<!-- session end at ${stamp(new Date())} -->\n`);
		channel.exit(0);
		channel.end();
	}

	/** False when the session is over. */
	function answer(rpc: XmlElement): boolean {
		const [request] = rpc.children;
		const id = rpc.attributes['message-id'];
		const send = (reply: Answer): void => {
			channel.write(frame(`${renderXml(replyOf(reply, rpc.attributes, isNew))}\n`, framing));
		};
		const refuse = (...complaints: Complaint[]): void => send({ content: [], warnings: complaints });
		if (rpc.name !== 'rpc' || rpc.namespace !== base || !request) {
			refuse({ tag: 'malformed-message', message: 'expected an rpc' });
			return true;
		}
		if (id === undefined) {
			refuse({ tag: 'missing-attribute', message: 'message-id', bad: 'rpc' });
			return true;
		}
		const trouble = deps.onOperation(request.name);
		if (trouble?.kind === 'cut' && trouble.when === 'before') {
			deps.cut();
			return false;
		}
		if (trouble?.kind === 'refuse') {
			refuse(trouble.complaint);
			return true;
		}
		if (trouble?.kind === 'late') {
			deps.onLate(() => send(operate(request, deps)));
			return true;
		}
		try {
			const result = request.name === 'close-session' ? { content: [xml('ok')] } : operate(request, deps);
			if (trouble?.kind === 'cut') {
				deps.cut();
				return false;
			}
			if (trouble?.kind === 'lie') refuse(trouble.complaint);
			else if (trouble?.kind === 'raw') channel.write(trouble.bytes);
			else if (trouble?.kind === 'warn') send({ ...result, warnings: [warning(trouble.message)] });
			else if (trouble?.kind !== 'silent') send(result);
			if (trouble?.kind === 'end') {
				channel.close();
				return false;
			}
		} catch (fault) {
			if (!(fault instanceof Refusal)) throw fault;
			refuse(...fault.complaints);
		}
		if (request.name !== 'close-session') return true;
		end();
		return false;
	}
}

const isBase = (uri: string): boolean => uri === 'urn:ietf:params:netconf:base:1.0' || uri === base11;
const warning = (message: string): Complaint => ({ tag: 'operation-failed', message, isWarning: true });

function hello(id: string, user: string, isNew: boolean): string {
	const capabilities = [
		'urn:ietf:params:netconf:base:1.0',
		...(isNew ? [base11] : []),
		'urn:ietf:params:netconf:capability:candidate:1.0',
		'urn:ietf:params:netconf:capability:validate:1.0',
		'urn:ietf:params:netconf:capability:url:1.0?scheme=http,ftp,file',
		'urn:ietf:params:xml:ns:netconf:base:1.0',
		'urn:ietf:params:xml:ns:netconf:capability:candidate:1.0',
		'urn:ietf:params:xml:ns:netconf:capability:validate:1.0',
		'http://xml.juniper.net/netconf/junos/1.0',
		'http://xml.juniper.net/dmi/system/1.0',
	];
	const greeting = xml(
		'hello',
		[
			xml(
				'capabilities',
				capabilities.map(uri => xml('capability', uri)),
			),
			xml('session-id', id),
		],
		{ xmlns: base },
	);
	return `<!-- user ${user}, class super-user -->\n${renderXml(greeting)}\n`;
}

/** Errors come before what there is of content; everything that the request had as attributes comes back. */
function replyOf(
	{ content, warnings = [] }: Answer,
	asked: Readonly<Record<string, string>>,
	isNew: boolean,
): XmlElement {
	const attributes = {
		[isNew ? 'xmlns:nc' : 'xmlns']: base,
		'xmlns:junos': 'http://xml.juniper.net/junos/21.4R3/junos',
		...asked,
	};
	const inside = [...warnings.map(errorOf), ...content];
	if (!isNew) return xml('rpc-reply', inside, attributes);
	return xml('nc:rpc-reply', inside.map(prefixed), attributes);
}

/** What is NETCONF's own gets its prefix. */
function prefixed(element: XmlElement): XmlElement {
	if (element.name === 'data') return { ...element, name: 'nc:data' };
	if (element.name === 'rpc-error' || element.name.startsWith('error-') || element.name === 'ok')
		return { ...element, name: `nc:${element.name}`, children: element.children.map(prefixed) };
	return element;
}

const errorOf = ({ tag, type, message, path, bad, session, info, isWarning }: Complaint): XmlElement =>
	xml('rpc-error', [
		xml('error-type', type ?? 'protocol'),
		xml('error-tag', tag),
		xml('error-severity', isWarning ? 'warning' : 'error'),
		path === undefined ? undefined : xml('error-path', path),
		xml('error-message', `\n${message}\n`),
		bad === undefined && session === undefined && info === undefined
			? undefined
			: xml('error-info', [
					bad === undefined ? undefined : xml('bad-element', bad),
					session === undefined ? undefined : xml('session-id', session),
					info,
				]),
	]);
