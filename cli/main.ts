import { systemClock } from '../common/clock.ts';
import { run } from './run.ts';

// `bimetal … | head`: the reader has seen enough, which is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
	process.exit(error.code === 'EPIPE' ? 0 : 1);
});

// Clocks and idle connections do not keep a process alive; a command that waits must.
const alive = setInterval(() => undefined, 2 ** 30);
let interruption: AbortController | undefined;

process.exitCode = await run(process.argv.slice(2), {
	stdin: process.stdin,
	stdout: process.stdout,
	stderr: process.stderr,
	env: process.env,
	cwd: process.cwd(),
	clock: systemClock,
	interruption() {
		if (!interruption) {
			const controller = new AbortController();
			interruption = controller;
			for (const signal of ['SIGINT', 'SIGTERM'] as const) {
				process.on(signal, () => controller.abort());
			}
		}
		return interruption.signal;
	},
});
clearInterval(alive);
