import { type Answer, createProxyClient, type ProxyClient } from '../../proxy/client.ts';

export interface ProxyAccount {
	/** The proxy's main port, as the addresses of nodes have it: an https URL without a path. */
	readonly url: string;
	/** Where that is reached, when it is elsewhere. */
	readonly at?: string | undefined;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca: string | undefined;
	readonly username: string;
	readonly password: string;
}

/** One log-in at a proxy, opened when it is first needed and again when the proxy has ended it. */
export interface ProxySession {
	/** Runs a call as the account; once more with a new log-in when the first is not known any more. */
	use<R extends Answer | object>(call: (client: ProxyClient) => Promise<R>): Promise<R>;
	close(): Promise<void>;
}

interface LoggedIn {
	readonly client: ProxyClient;
	readonly session: string;
}

export function createProxySession(account: ProxyAccount): ProxySession {
	const { ca, username, password, at: url = account.url } = account;
	const plain = createProxyClient({ url, ca, credential: { username, password } });
	let current: Promise<LoggedIn> | undefined;

	const logIn = async (): Promise<LoggedIn> => {
		const { token, session } = await plain.login();
		return { client: createProxyClient({ url, ca, credential: { token } }), session };
	};
	function open(): Promise<LoggedIn> {
		const opening = current ?? logIn();
		current = opening;
		opening.catch(() => {
			if (current === opening) current = undefined;
		});
		return opening;
	}
	const isUnknown = (result: object): boolean => 'status' in result && result.status === 401;

	async function drop(used: Promise<LoggedIn>): Promise<void> {
		if (current === used) current = undefined;
		await (await used).client.close();
	}

	return {
		async use(call) {
			const first = open();
			const { client } = await first;
			try {
				const result = await call(client);
				if (!isUnknown(result)) return result;
			} catch (fault) {
				if (!(fault instanceof Error) || !isUnknown(fault)) throw fault;
			}
			await drop(first);
			return call((await open()).client);
		},
		async close() {
			const last = await current?.catch(() => undefined);
			current = undefined;
			// A session that cannot be ended any more ends by itself.
			await last?.client.logout(last.session).catch(() => undefined);
			await last?.client.close();
			await plain.close();
		},
	};
}
