import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { until } from '../visitor.ts';

/** Runs `start-ironic` of the example until the test ends; resolves when its API answers. */
export async function startIronic(
	t: ExecutionContext,
	{ example, cwd, address }: { readonly example: string; readonly cwd: string; readonly address: string },
): Promise<void> {
	const env = {
		...process.env,
		// Ironic is to look more often than every minute.
		OS_CONDUCTOR__SYNC_POWER_STATE_INTERVAL: '1',
	};
	const ironic = spawn(path.join(example, 'start-ironic'), ['ironic', address], {
		cwd,
		env,
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const exited = once(ironic, 'exit');
	let said = '';
	for (const stream of [ironic.stdout, ironic.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => {
			said += text;
		});
	}
	t.teardown(async () => {
		ironic.kill('SIGTERM');
		const timer = setTimeout(() => ironic.kill('SIGKILL'), 20_000);
		await exited;
		clearTimeout(timer);
	});
	const isUp = () =>
		fetch(`http://${address}:6385/`).then(
			({ ok }) => ok,
			() => ironic.exitCode !== null,
		);
	await until(isUp, isIt => isIt, 60);
	if (ironic.exitCode !== null) throw new Error(`Ironic ended: ${said}`);
}
