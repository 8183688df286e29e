import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { Board } from '../../qemu/firmware/start-board.ts';
import type { DemoPeople } from '../up/demo-people.ts';
import { type BoardFigures, boardFigures, marker, type meterOrder } from './board-figures.ts';

/** Beside a site's files on a board's card: lets that board measure itself, as an operator of its site. */
export async function orderMeter(folder: string, site: DemoPeople, roundTime: number): Promise<void> {
	const [operator] = site.operators;
	if (!operator) throw new Error('a site without operators');
	const { name, password } = operator;
	const order: z.infer<typeof meterOrder> = { name, password, roundTime };
	await writeFile(join(folder, 'meter.json'), JSON.stringify(order), { mode: 0o600 });
}

/** Has the board measure itself, within `ms` milliseconds. Throws ConsoleSilent, and a ZodError where it says nonsense. */
export async function readMeter(board: Board, ms: number): Promise<BoardFigures> {
	board.say('meter');
	const [, text = ''] = await board.console.waitFor(new RegExp(`${marker} (\\{.*\\}|failed)\\r?\\n`), ms);
	return boardFigures.parse(JSON.parse(text === 'failed' ? 'null' : text));
}
