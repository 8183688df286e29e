import { connect, createServer } from 'node:net';
import type { ExecutionContext } from 'ava';
import { listenInNetwork } from '../../common/network/listen-in-network.ts';
import type { Stranger } from './stranger.ts';

/** Milliseconds: longer than any test. */
const lifetime = 3_600_000;

/** Has a port of a machine's lead to one of this machine's loopback. */
export async function forward(
	t: Pick<ExecutionContext, 'teardown'>,
	{ network }: Stranger,
	{ host, port, to }: { readonly host: string; readonly port: number; readonly to: number },
): Promise<void> {
	const server = createServer(socket => {
		const onward = connect(to, '127.0.0.1');
		for (const [from, into] of [
			[socket, onward],
			[onward, socket],
		] as const)
			from.pipe(into).on('error', () => from.destroy());
	});
	const listening = await listenInNetwork(server, { network, host, port, lifetime });
	t.teardown(() => listening.close());
}
