import type { RackConsole } from '../../qemu/rack/control-client.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { visible } from '../visible.ts';
import { createEscape } from './console-escape.ts';

/** Ctrl-], as telnet(1) has it. */
const leaveKey = 0x1d;
/** Milliseconds that the answer to what was piped in may take. */
const LINGER = 1500;

/** The terminal is the server's serial line until Ctrl-] or `~.`, or until the rack ends. */
export async function typeOnRackConsole(
	context: CliContext,
	opened: RackConsole,
	node: string,
): Promise<number> {
	const { stdin, stdout, stderr, clock } = context;
	const isTerminal = stdin.isTTY === true && stdin.setRawMode !== undefined;
	stderr.write(
		`Connected to the serial console of ${visible(node)}. ${isTerminal ? 'Ctrl-] leaves it.' : ''}\n`,
	);
	let left = false;
	const leave = (): void => {
		left = true;
		opened.close();
	};
	const typed = createEscape({
		send: bytes => opened.send(bytes),
		leave,
		say: text => stderr.write(text.replaceAll('\n', '\r\n')),
	});
	const onInput = (bytes: Buffer | string): void => {
		const given = Buffer.from(bytes);
		if (!isTerminal) {
			opened.send(given);
			return;
		}
		const end = given.indexOf(leaveKey);
		typed(end === -1 ? given : given.subarray(0, end));
		if (end !== -1) leave();
	};
	const onEnd = (): void => void clock.after(LINGER, leave);
	if (isTerminal) stdin.setRawMode?.(true);
	try {
		stdin.on('data', onInput).once('end', onEnd).resume();
		opened.onData(bytes => stdout.write(bytes));
		await opened.closed;
		stderr.write(`\r\nConsole closed: ${left ? 'left' : 'the rack has ended'}.\r\n`);
		return left ? exitCodes.ok.code : exitCodes.unreachable.code;
	} finally {
		if (isTerminal) stdin.setRawMode?.(false);
		stdin.off('data', onInput).off('end', onEnd).pause();
	}
}
