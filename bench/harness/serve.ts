import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * The other end of startServer: reads the options, starts the server, prints what `start` returns, and closes
 * when the benchmark that started us goes away.
 */
export async function serve<Options>(
	start: (options: Options) => Promise<{ ready: unknown; close(): Promise<void> }>,
): Promise<void> {
	const input = createInterface(process.stdin);
	const ended = once(input, 'close');
	const [line] = await once(input, 'line');
	const server = await start(JSON.parse(String(line)) as Options);
	process.stdout.write(`${JSON.stringify(server.ready)}\n`);
	await ended;
	await server.close();
	process.exit(0);
}
