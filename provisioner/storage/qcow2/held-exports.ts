import { fileURLToPath } from 'node:url';
import type { Logger } from '../../../common/log/logger.ts';
import { type Child, startChild } from '../../../common/processes/children.ts';

/**
 * Has what is read and written through a daemon's FUSE exports wait when the daemon dies, where Linux would fail it: a node's
 * operating system takes its disk for broken then, and gives up its file system. Whoever waits is to be ended before it is let
 * go, so that it tells nobody of the failure.
 */
export interface HeldExports {
	/** What a process has exported by now, and nothing that it has not any more. Never rejects: without it, exports fail. */
	hold(process: number): Promise<void>;
	/** Whatever waits fails now. */
	release(): Promise<void>;
	close(): Promise<void>;
}

const program = fileURLToPath(new URL('hold-exports.pl', import.meta.url));

export function createHeldExports(options: {
	readonly run: string;
	readonly folder: string;
	readonly logger: Logger;
}): HeldExports {
	const { run, folder, logger } = options;
	let holder: Child | undefined;
	let tell: (answer: string) => void = () => undefined;
	let turn: Promise<unknown> = Promise.resolve();
	/** The process whose exports are held by now; 0: nobody's. */
	let held = 0;
	let isClosed = false;

	async function start(): Promise<Child> {
		let rest = '';
		const started = await startChild('perl', [program], {
			run,
			folder,
			onOutput(bytes) {
				const lines = (rest + bytes.toString('utf8')).split('\n');
				rest = lines.pop() ?? '';
				for (const line of lines) tell(line);
			},
		});
		void started.exited.then(() => {
			if (holder === started) holder = undefined;
			const again = held;
			held = 0;
			// One that dies at once held nothing.
			if (again !== 0 && !isClosed) void hold(again);
		});
		return started;
	}

	/** One question at a time. */
	function ask(number: number): Promise<string> {
		const asked = turn.then(async () => {
			holder ??= await start();
			const to = holder;
			const answer = await new Promise<string>(resolve => {
				tell = resolve;
				void to.exited.then(() => resolve(`refused ${to.errorLines().join('; ') || 'it has ended'}`));
				to.write(`${number}\n`);
			});
			if (holder === to && answer.startsWith('held')) held = number;
			return answer;
		});
		turn = asked.catch(() => undefined);
		return asked;
	}

	async function hold(number: number): Promise<void> {
		const answer = await ask(number).catch(fault => `refused ${fault}`);
		if (answer.startsWith('held')) return;
		logger.error({ why: answer }, 'if the storage daemon dies, what nodes read and write will fail');
	}

	return {
		hold,
		async release() {
			if (holder) await ask(0);
		},
		async close() {
			isClosed = true;
			await turn;
			await holder?.stop();
		},
	};
}
