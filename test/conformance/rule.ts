import type { AskOptions, Reply } from '../proxy/ask.ts';
import type { Follower } from '../proxy/follow.ts';

/** A Redfish service under test, seen by a client that knows nothing of what stands behind it. */
export interface Service {
	readonly name: 'bmc' | 'proxy';
	/** As somebody who may do everything, by Basic. */
	ask(method: string, target: string, options?: AskOptions): Promise<Reply>;
	/** Without any credential. */
	askAsNobody(method: string, target: string, options?: AskOptions): Promise<Reply>;
	/** With this session's token. */
	askWith(token: string, method: string, target: string, options?: AskOptions): Promise<Reply>;
	/** Who `ask` is. */
	readonly account: { readonly UserName: string; readonly Password: string };
	/** Bytes as they are over one connection, until an answer's head has come or the connection ends. */
	send(bytes: string): Promise<string>;
	/** Opens a stream of server-sent events, as somebody who may do everything. */
	follow(target: string): Promise<Follower>;
	/** Every resource that can be reached from the root by links, read once. */
	tree(): Promise<readonly Resource[]>;
	/** The TLS version that it speaks with a client of today; null over plain TCP. */
	tlsVersion(): Promise<string | null>;
	/** Turns the clock, in milliseconds, and lets what was due happen. */
	pass(ms: number): void;
}

export interface Resource {
	readonly path: string;
	readonly reply: Reply;
}

/** One "shall" of the Redfish specification, in our own words. */
export interface Rule {
	/** Unique, and the start of its tests' titles. */
	readonly id: string;
	/** Title of the clause of DSP0266 1.20. */
	readonly clause: string;
	readonly rule: string;
	/** @returns what breaks the rule; undefined when it holds. */
	check(service: Service): Promise<string | undefined>;
	/** Where a service is known not to hold it, and why: the test then makes sure that this is still so. */
	readonly broken?: Readonly<Partial<Record<Service['name'], string>>>;
	/** Where it says nothing about a service, and why: it is not run there. */
	readonly moot?: Readonly<Partial<Record<Service['name'], string>>>;
}

export const system = '/redfish/v1/Systems/system';
export const sessions = '/redfish/v1/SessionService/Sessions';

/** @returns what differs from the status that is expected. */
export function unlessStatus(reply: Reply, ...expected: readonly number[]): string | undefined {
	return expected.includes(reply.status)
		? undefined
		: `status ${reply.status} instead of ${expected.join(' or ')}: ${reply.text.slice(0, 160)}`;
}

/** The first finding of several. */
export function firstOf(...found: readonly (string | undefined | false)[]): string | undefined {
	return found.find(text => typeof text === 'string');
}

/** @returns what is wrong with a body that should carry extended error information (clause "Error responses"). */
export function unlessExtendedError(reply: Reply): string | undefined {
	const error = reply.json?.error;
	if (typeof error?.code !== 'string') return `no error.code in ${reply.text.slice(0, 160)}`;
	if (typeof error.message !== 'string') return 'no error.message';
	const messages = error['@Message.ExtendedInfo'];
	if (!Array.isArray(messages) || messages.length === 0) return 'no @Message.ExtendedInfo';
	const unnamed = messages.find(({ MessageId }) => !/^\w+\.\d+\.\d+\.\w+$/.test(MessageId));
	return unnamed && `${JSON.stringify(unnamed.MessageId)} is no id of a message registry`;
}
