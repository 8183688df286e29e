import { readFile } from 'node:fs/promises';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { until } from '../visitor.ts';

/** A node's serial port: what it says, and a shell to type at. */
export interface GuestConsole {
	/** Waits for what it says after what was waited for last; throws with its last words when it does not say it. */
	waitFor(pattern: RegExp, seconds: number): Promise<RegExpExecArray>;
	/** Has a shell run a line, whose output is what the answer is; throws when it takes too long. */
	run(line: string, seconds: number): Promise<string>;
	/** Types a line, and waits for nothing. */
	type(line: string): void;
	/** All that it has ever said. */
	said(): Promise<string>;
}

/** The shell is one of `bimetal image build debian`: it echoes what is typed. */
export function guestConsole(node: VirtualNode): GuestConsole {
	let from = 0;
	let commands = 0;
	const said = (): Promise<string> => readFile(node.consoleFile, 'latin1').catch(() => '');
	const waitFor: GuestConsole['waitFor'] = async (pattern, seconds) => {
		const found = await until(
			async () => pattern.exec((await said()).slice(from)),
			match => match !== null,
			seconds,
		).catch(async () => {
			throw new Error(`${node.name} never said ${pattern}; last: ${(await said()).slice(-1500)}`);
		});
		if (!found) throw new Error('unreachable');
		from += found.index + found[0].length;
		return found;
	};
	const type = (line: string): void => node.serial.type(Buffer.from(`${line}\r`));
	return {
		waitFor,
		type,
		said,
		async run(line, seconds) {
			const mark = `${++commands}`;
			// Typed in two pieces, so that its echo is not taken for it.
			type(`echo "be""gin-${mark}:"; ${line}; echo "en""d-${mark}."`);
			const [, output = ''] = await waitFor(
				new RegExp(`begin-${mark}:\\r?\\n([^]*?)end-${mark}\\.\\r?\\n`),
				seconds,
			);
			// Others write on it as well, whole lines.
			return output.replaceAll('\r', '').replaceAll(/^(?:bimetal image: |\[ +\d+\.\d+\] ).*\n/gm, '');
		},
	};
}
