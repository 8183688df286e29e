import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createHilClient } from '../../hil/client.ts';
import { createRegistrarClient } from '../client.ts';
import { attestErrors } from '../errors.ts';
import type { KeysOfNodes } from './keys-of-nodes.ts';

/** A service that the verifier asks, and its account there. */
interface Account {
	readonly url: string;
	readonly ca: string | undefined;
	readonly username: string;
	readonly password: string;
}

/** Milliseconds: a node waits for it. */
const timeout = 10_000;

/** Nodes' keys as another process's registrar has them. */
export function keysAtRegistrar({
	url,
	ca,
	...credential
}: Account): KeysOfNodes & { close(): Promise<void> } {
	const client = createRegistrarClient({ url, ca, credential, timeout });
	return {
		registration: id =>
			client.registration(id).catch((cause: unknown) => {
				if (cause instanceof BimetalError && cause.status === 404) throw cause;
				const why = cause instanceof Error ? cause.message : String(cause);
				throw attestErrors.RegistrarAway(`The registrar cannot be asked: ${why}`, { cause });
			}),
		close: client.close,
	};
}

/** Whose nodes are, as hil knows. */
export function projectsAtHil(account: Account): {
	projectOf(node: string): Promise<string | null>;
	close(): Promise<void>;
} {
	const client = createHilClient({ ...account, timeout });
	return {
		projectOf: async node => {
			try {
				return (await client.node(node)).project;
			} catch (cause) {
				if (cause instanceof BimetalError && cause.status === 404) return null;
				const why = cause instanceof Error ? cause.message : String(cause);
				throw attestErrors.HilAway(`hil cannot be asked whose node ${node} is: ${why}`, { cause });
			}
		},
		close: () => client.close(),
	};
}
