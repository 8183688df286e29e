import type { ExecutionContext } from 'ava';
import { forwardPort } from '../../common/network/forward-port.ts';
import type { Stranger } from './stranger.ts';

/** Milliseconds: longer than any test. */
const lifetime = 3_600_000;

/** Has a port of a machine's lead to one of this machine's loopback. */
export async function forward(
	t: Pick<ExecutionContext, 'teardown'>,
	{ network }: Stranger,
	to: { readonly host: string; readonly port: number; readonly to: number },
): Promise<void> {
	const listening = await forwardPort({ ...to, network, lifetime });
	t.teardown(() => listening.close());
}
