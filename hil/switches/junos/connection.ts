import type { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { hilErrors } from '../../errors.ts';
import type { RpcError } from '../netconf/rpc-error.ts';
import { type NetconfSession, openNetconf } from '../netconf/session.ts';
import { childOf, type XmlElement } from '../netconf/xml.ts';
import { connectSsh, type SshConnection, type SshTarget } from '../transport/ssh.ts';

/** A connection with one Junos switch, opened when it is needed and again when it was lost. */
export interface JunosConnection {
	/** The session that there is, or a new one. A change stays in one: another has neither its lock nor its edits. */
	session(signal: AbortSignal): Promise<JunosSession>;
	/** Ends it without a word: the switch gives up what the session held. */
	drop(): Promise<void>;
	close(): Promise<void>;
	refusal(words: string): BimetalError;
	away(words: string): BimetalError;
}

export interface JunosSession {
	/** False once it is lost, and with it its lock and what it had not committed. */
	readonly isOpen: boolean;
	/**
	 * Asks the switch for an operation, and gives its reply.
	 * @throws SwitchRefused with the switch's words; SwitchAway when there is no answer or somebody else is in the way
	 */
	ask(operation: XmlElement): Promise<XmlElement>;
	/** The same, for operations whose only answer is that they are done. */
	order(operation: XmlElement): Promise<void>;
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

	function speak(session: NetconfSession, signal: AbortSignal): JunosSession {
		async function ask(operation: XmlElement): Promise<XmlElement> {
			const reply = await session.call(operation, signal);
			if (reply.kind === 'done') return reply.reply;
			const words = reply.errors.map(each => each.words).join('; ');
			throw reply.errors.some(isInTheWay)
				? away(`is being configured by somebody else: ${words}`)
				: refusal(words);
		}
		return {
			get isOpen() {
				return session.isOpen;
			},
			ask,
			async order(operation) {
				const reply = await ask(operation);
				if (childOf(reply, 'ok')) return;
				await drop();
				throw away(`does not say whether it has done <${operation.name}>`);
			},
		};
	}

	return {
		session: async signal => speak(await open(signal), signal),
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
