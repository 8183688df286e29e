import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { publicLogin } from '../../qemu/openbmc/known-images.ts';
import type { SomeBmc } from './some-bmc.ts';

const launcher = fileURLToPath(new URL('../../cli/bimetal.mjs', import.meta.url));

/** The line that `bimetal qemu openbmc --proxy --json` prints. */
const boardLine = z.looseObject({
	openbmc: z.looseObject({ url: z.url(), left: z.array(z.string()), pid: z.int() }),
	proxy: z.looseObject({ url: z.url() }),
	bmcs: z.array(z.looseObject({ name: z.string(), url: z.url(), direct: z.url() })).length(1),
	operators: z.array(z.looseObject({ name: z.string(), party: z.string(), password: z.string() })).min(2),
	ca: z.string(),
	state: z.string(),
});

/** `bimetal qemu openbmc --proxy` as a real process, as a user would start it; rejects with what it wrote. */
export async function startBoardSite(args: readonly string[]): Promise<SomeBmc> {
	const child = spawn(
		process.execPath,
		[launcher, 'qemu', 'openbmc', '--proxy', '--proxy-port', '0', '--json', ...args],
		{ stdio: ['ignore', 'pipe', 'pipe'] },
	);
	let log = '';
	child.stderr.setEncoding('utf8').on('data', chunk => {
		log += chunk;
	});
	const text = await Promise.race([
		once(createInterface(child.stdout), 'line').then(([line]) => String(line)),
		once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with ${code}: ${log}`))),
	]);
	const line = boardLine.parse(JSON.parse(text));
	return {
		line,
		login: publicLogin,
		left: line.openbmc.left,
		async close() {
			child.kill('SIGINT');
			const [code, signal] = await once(child, 'exit');
			if (code !== 0) throw new Error(`it ended with ${code ?? signal}: ${log}`);
		},
	};
}
