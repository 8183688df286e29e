import { spawn } from 'node:child_process';

/** Goes on as `node ARGS`, the Node 24 among the npm packages: its input, output, signals and exit code are ours. */
export function handOver(node, args, env = process.env) {
	const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...args], { stdio: 'inherit', env });
	// Whoever ends this process means the child. A Ctrl-C reaches both anyway; the child takes the second for the first.
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
	child.on('error', error => {
		process.stderr.write(`bimetal: cannot start ${node}: ${error.message}\n`);
		process.exit(1);
	});
	child.on('exit', (code, signal) => {
		process.exit(code ?? (signal ? 130 : 1));
	});
}
