import type { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { hilErrors } from '../../errors.ts';
import type { RpcError } from '../netconf/rpc-error.ts';
import { type NetconfSession, openNetconf } from '../netconf/session.ts';
import { childOf, type XmlElement } from '../netconf/xml.ts';
import { connectSsh, type SshConnection, type SshTarget } from '../transport/ssh.ts';

/** A NETCONF session with one Junos switch, opened when it is needed and again when it was lost. */
export interface JunosConnection {
	/**
	 * Asks the switch for an operation, and gives its reply.
	 * @throws SwitchRefused with the switch's words; SwitchAway when there is no answer or somebody else is in the way
	 */
	ask(operation: XmlElement, signal: AbortSignal): Promise<XmlElement>;
	/** The same, for operations whose only answer is that they are done. */
	order(operation: XmlElement, signal: AbortSignal): Promise<void>;
	/** False when the last session was lost, and with it its lock and what it had not committed. */
	readonly isOpen: boolean;
	/** Ends it without a word: the switch gives up what the session held. */
	drop(): Promise<void>;
	close(): Promise<void>;
	refusal(words: string): BimetalError;
	away(words: string): BimetalError;
}

/** In ms, for a goodbye. */
const patience = 2000;
const junos = 'http://xml.juniper.net/netconf/junos/1.0';

export function createConnection(target: SshTarget): JunosConnection {
	let current: { readonly ssh: SshConnection; readonly session: NetconfSession } | undefined;
	const where = `the switch at ${target.host}:${target.port}`;
	const clean = (words: string): string =>
		target.password === undefined ? words : words.replaceAll(target.password, '…');
	const away = (words: string): BimetalError => hilErrors.SwitchAway(`${where} ${clean(words)}`);
	const refusal = (words: string): BimetalError => hilErrors.SwitchRefused(`${where}: ${clean(words)}`);

	async function open(signal: AbortSignal): Promise<NetconfSession> {
		if (current?.ssh.isOpen && current.session.isOpen) return current.session;
		await drop();
		const ssh = await connectSsh(target, signal);
		try {
			const channel = await ssh.subsystem('netconf', signal);
			const session = await openNetconf(channel, away, signal);
			if (!session.capabilities.has(junos)) throw refusal('it speaks NETCONF, and is no Junos');
			current = { ssh, session };
			return session;
		} catch (fault) {
			await ssh.close();
			throw fault;
		}
	}

	async function drop(): Promise<void> {
		const last = current;
		current = undefined;
		await last?.ssh.close();
	}

	async function ask(operation: XmlElement, signal: AbortSignal): Promise<XmlElement> {
		const session = await open(signal);
		const reply = await session.call(operation, signal);
		if (reply.kind === 'done') return reply.reply;
		const words = reply.errors.map(each => each.words).join('; ');
		throw reply.errors.some(isInTheWay)
			? away(`is being configured by somebody else: ${words}`)
			: refusal(words);
	}

	return {
		ask,
		async order(operation, signal) {
			const reply = await ask(operation, signal);
			if (childOf(reply, 'ok')) return;
			await drop();
			throw away(`does not say whether it has done <${operation.name}>`);
		},
		get isOpen() {
			return Boolean(current?.ssh.isOpen && current.session.isOpen);
		},
		drop,
		async close() {
			await current?.session.close(AbortSignal.timeout(patience));
			await drop();
		},
		refusal,
		away,
	};
}

/** Somebody else has the lock, or changes that nobody has committed: it may be over soon, and is never ended by us. */
const isInTheWay = ({ tag, words }: RpcError): boolean =>
	['lock-denied', 'in-use', 'resource-denied'].includes(tag) ||
	/configuration database (?:locked|modified)/i.test(words);
