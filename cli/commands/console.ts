import { BimetalError } from '../../common/errors/bimetal-error.ts';
import {
	type Answer,
	type ConsoleView,
	type OpenConsole,
	type RequestView,
	refusal,
} from '../../proxy/client.ts';
import { type Connection, type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted, usageError } from '../failure.ts';
import { painter, printJson, printLine, printTable, relativeTime, short } from '../output.ts';
import { visible } from '../visible.ts';
import { createEscape } from './console-escape.ts';
import { sleep } from './follow.ts';
import { approveLines } from './request-text.ts';

export interface ConsoleOptions extends ConnectionOptions {
	readonly json?: boolean;
	readonly path: string;
	readonly list?: boolean;
	readonly all?: boolean;
	readonly watch?: string;
	readonly end?: string;
	readonly reason?: string;
}

/** Milliseconds between two looks whether the others have agreed. */
const POLL = 2000;
/** Milliseconds that the answer to what was piped in may take. */
const LINGER = 1500;

/** `bimetal console`: opens one, lists, watches or ends them. */
export function console(
	context: CliContext,
	node: string | undefined,
	options: ConsoleOptions,
): Promise<number> {
	const { list, watch, end } = options;
	const wanted = [node, list, watch, end].filter(each => each !== undefined);
	if (wanted.length !== 1)
		throw usageError('which console?', 'console NODE, or one of --list, --watch ID, --end ID --reason TEXT');
	if (end !== undefined && !options.reason)
		throw usageError('whoever has it open is told why it ends', `console --end ${end} --reason TEXT`);
	return withConnection(context, options, connection => {
		if (list) return listConsoles(context, options, connection);
		if (end !== undefined) return endConsole(context, options, connection, end);
		if (watch !== undefined) return watchConsole(context, connection, watch);
		return openConsole(context, connection, node ?? '', options.path);
	});
}

async function listConsoles(
	context: CliContext,
	options: ConsoleOptions,
	{ client }: Connection,
): Promise<number> {
	const consoles = await client.consoles.list(options.all ? undefined : 'open');
	if (options.json) {
		printJson(context, { consoles });
		return exitCodes.ok.code;
	}
	if (consoles.length === 0) {
		printLine(context, options.all ? 'No consoles.' : 'No consoles are open.');
		return exitCodes.ok.code;
	}
	const paint = painter(context);
	const now = context.clock.now();
	await printTable(
		context,
		['ID', 'STATE', 'KIND', 'BMC', 'OPERATOR', 'AGREED', 'OPENED', 'WATCHERS', 'END'],
		consoles.map(each => [
			visible(each.id),
			paint(each.state === 'open' ? 'green' : 'dim', each.state),
			each.kind,
			short(each.bmc, 24),
			short(`${each.operator.name} (${each.operator.party})`, 32),
			visible(each.consent.join(', ')),
			relativeTime(Date.parse(each.openedAt), now),
			String(each.watchers),
			each.ended ? short(endText(each.ended), 48) : '',
		]),
	);
	return exitCodes.ok.code;
}

const endText = ({ by, reason }: NonNullable<ConsoleView['ended']>): string =>
	by ? `${by.name} (${by.party}): ${reason}` : reason;

async function endConsole(
	context: CliContext,
	options: ConsoleOptions,
	{ client }: Connection,
	id: string,
): Promise<number> {
	const ended = await client.consoles.end(id, options.reason ?? '');
	if (options.json) printJson(context, ended);
	else printLine(context, `Ended ${visible(id)}, the ${ended.kind} console of ${visible(ended.bmc)}.`);
	return exitCodes.ok.code;
}

async function watchConsole(context: CliContext, { client }: Connection, id: string): Promise<number> {
	const opened = await client.consoles.watch(id);
	if (!('closed' in opened)) throw refusal(opened);
	context.stderr.write(`Watching ${visible(id)}; Ctrl-C leaves it.\n`);
	const signal = context.interruption();
	signal.addEventListener('abort', () => opened.close(), { once: true });
	opened.onData(bytes => context.stdout.write(bytes));
	return tellEnd(context, await opened.closed, signal.aborted);
}

async function openConsole(
	context: CliContext,
	connection: Connection,
	node: string,
	path: string,
): Promise<number> {
	if (!/^\/[\w.~/-]+$/.test(path)) throw usageError(`'${visible(path)}' is no path`, '--path /console0');
	const { client } = connection;
	const first = await client.consoles.open(node, path);
	if ('closed' in first) return typeOn(context, first, node);
	const pending = await waitForOthers(context, connection, first);
	const second = await client.consoles.open(node, path);
	if ('closed' in second) return typeOn(context, second, node);
	if (second.status === 202)
		throw new BimetalError('Refused', `request ${pending.id} was approved, and an approval counts no more`, {
			status: 409,
		});
	throw refusal(second);
}

/** Says who is needed, and waits until they have agreed; throws when they do not. */
async function waitForOthers(
	context: CliContext,
	connection: Connection,
	answer: Answer,
): Promise<RequestView> {
	const { client, suffix } = connection;
	const id = (answer.body as { Id?: unknown } | undefined)?.Id;
	if (answer.status !== 202 || typeof id !== 'string') throw refusal(answer);
	let request = await client.request(id);
	context.stderr.write(`Request ${visible(id)} waits for ${visible(request.needsText)}.\n`);
	for (const { party, line } of await approveLines(context, request, connection))
		context.stderr.write(`  for ${visible(party)} to approve: ${line}\n`);
	const signal = context.interruption();
	try {
		while (request.state === 'waiting') {
			await sleep(context.clock, POLL, signal);
			request = await client.request(id);
		}
	} catch (error) {
		if (!(error instanceof BimetalError) || error.code !== 'Interrupted') throw error;
		const withdraw = `${commandName(context)} withdraw ${id}${suffix}`;
		throw hinted(
			new BimetalError('Interrupted', `interrupted; request ${id} goes on waiting`),
			`the same command again, or ${withdraw}`,
		);
	}
	if (request.state === 'approved') return request;
	const why = request.ended ? `: ${visible(request.ended.reason)}` : '';
	throw new BimetalError('RequestDenied', `request ${id} is ${request.state}${why}`, {
		status: request.state === 'denied' ? 403 : 409,
	});
}

/** The terminal is the console's until `~.`, or until the console ends. */
async function typeOn(context: CliContext, opened: OpenConsole, node: string): Promise<number> {
	const { stdin, stdout, stderr, clock } = context;
	const isTerminal = stdin.isTTY === true && stdin.setRawMode !== undefined;
	stderr.write(
		`Connected to the console of ${visible(node)}. ${isTerminal ? '~. leaves it, ~? helps.' : ''}\n`,
	);
	let left = false;
	const leave = (): void => {
		left = true;
		opened.close();
	};
	const take = createEscape({
		send: bytes => opened.send(bytes),
		leave,
		say: text => stderr.write(text.replaceAll('\n', '\r\n')),
	});
	const onInput = (bytes: Buffer | string): void => {
		const given = Buffer.from(bytes);
		if (isTerminal) take(given);
		else opened.send(given);
	};
	const onEnd = (): void => void clock.after(LINGER, leave);
	if (isTerminal) stdin.setRawMode?.(true);
	try {
		stdin.on('data', onInput).once('end', onEnd).resume();
		opened.onData(bytes => stdout.write(bytes));
		const closed = await opened.closed;
		return tellEnd(context, closed, left);
	} finally {
		if (isTerminal) stdin.setRawMode?.(false);
		stdin.off('data', onInput).off('end', onEnd).pause();
	}
}

function tellEnd(
	context: CliContext,
	{ code, reason }: { code: number; reason: string },
	left: boolean,
): number {
	const text = left ? 'left' : visible(reason) || (code === 1006 ? 'the connection broke' : 'it was closed');
	context.stderr.write(`\r\nConsole closed: ${text}.\r\n`);
	if (left || code === 1000 || code === 4001) return exitCodes.ok.code;
	return exitCodes[code === 4002 || code === 4003 ? 'denied' : 'unreachable'].code;
}
