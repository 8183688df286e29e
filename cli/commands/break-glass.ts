import { duration } from '../../common/config/values.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { ProxyClient, WindowView } from '../../proxy/client.ts';
import { breakGlassPurpose, openingText } from '../../proxy/governance/break-glass.ts';
import { signText } from '../../proxy/governance/signing-key.ts';
import { type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { painter, printJson, printLine, printTable, relativeTime, short } from '../output.ts';
import { visible } from '../visible.ts';
import { readKeyFile } from './governance-files.ts';

type Options = ConnectionOptions & { readonly json?: boolean };

export interface BreakGlassOptions extends Options {
	readonly reason?: string;
	readonly for?: string;
	readonly signingKey?: string;
}

/** `bimetal break-glass`: opens a window when there is a reason, lists them otherwise. */
export function breakGlass(context: CliContext, options: BreakGlassOptions): Promise<number> {
	if (options.reason === undefined) return listWindows(context, options);
	const { reason } = options;
	const length = duration.safeParse(options.for ?? '15m');
	if (!length.success)
		throw usageError(`--for ${options.for}: expected a time, for instance 15m`, '--for 15m');
	const forMs = length.data;
	return withConnection(context, options, async ({ client, suffix }) => {
		const signed =
			options.signingKey && (await signOpening(context, client, options.signingKey, reason, forMs));
		const window = await client.governance.breakGlass({
			reason: reason.trim(),
			forMs,
			...(signed && { signed }),
		});
		if (options.json) printJson(context, window);
		else {
			printLine(context, windowText(context, window));
			printLine(
				context,
				`Everybody is told. It ends by itself, or with:\n  ${commandName(context)} break-glass end${suffix}`,
			);
		}
		return exitCodes.ok.code;
	});
}

async function signOpening(
	context: CliContext,
	client: ProxyClient,
	file: string,
	reason: string,
	forMs: number,
): Promise<{ at: number; signature: string }> {
	const privatePem = await readKeyFile(context, file);
	const [{ name, party }, { site }] = [await client.me(), await client.governance.agreement()];
	const at = context.clock.now();
	const text = openingText({ site, party, operator: name, reason: reason.trim(), forMs, at });
	return { at, signature: signText(privatePem, breakGlassPurpose, text) };
}

function listWindows(context: CliContext, options: Options): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const windows = await client.governance.windows();
		if (options.json) printJson(context, { windows });
		else if (windows.length === 0) printLine(context, 'There is no break-glass window, and there was none.');
		else {
			const now = context.clock.now();
			const paint = painter(context);
			await printTable(
				context,
				['ID', 'PARTY', 'STATE', 'USES', 'OPENED BY', 'AGE', 'REASON'],
				windows.map(window => [
					visible(window.id),
					visible(window.party),
					window.open ? paint('red', 'OPEN') : short(window.ended?.reason ?? 'ended', 30),
					`${window.uses} of ${window.maxUses}`,
					short(window.operator.name, 24),
					relativeTime(Date.parse(window.openedAt), now),
					short(window.reason, 50),
				]),
			);
		}
		return exitCodes.ok.code;
	});
}

/** `bimetal break-glass end [ID]` */
export function endBreakGlass(
	context: CliContext,
	id: string | undefined,
	options: Options & { readonly reason?: string },
): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const { governance } = client;
		const window = await governance.endBreakGlass(id ?? (await onlyOpen(client)).id, options.reason);
		if (options.json) printJson(context, window);
		else printLine(context, `Break-glass ${visible(window.id)} has ended after ${window.uses} uses.`);
		return exitCodes.ok.code;
	});
}

async function onlyOpen(client: ProxyClient): Promise<WindowView> {
	const open = (await client.governance.windows()).filter(window => window.open);
	const [only, ...more] = open;
	if (only && more.length === 0) return only;
	throw usageError(
		only ? 'several windows are open' : 'no break-glass window is open',
		only
			? open.map(({ id }) => `bimetal break-glass end ${id}`).join(' or ')
			: 'bimetal break-glass — lists them',
	);
}

function windowText(context: CliContext, window: WindowView): string {
	const { party, operator, reason, operations, until, uses, maxUses } = window;
	const head = painter(context)('red', `BREAK-GLASS of ${visible(party)}`);
	const left = relativeTime(Date.parse(until), context.clock.now());
	return (
		`${head} by ${visible(operator.name)}, ends ${left}, ${uses} of ${maxUses} uses: ${visible(reason)}\n` +
		`  ${visible(party)} alone authorizes: ${operations.map(name => visible(name)).join(', ')}`
	);
}

/** Open windows, on standard error, above what a command prints: nobody is to overlook one. */
export async function warnOfBreakGlass(context: CliContext, client: ProxyClient): Promise<void> {
	const windows = await client.governance.windows().catch(fault => {
		if (fault instanceof BimetalError && fault.status === 404) return []; // a proxy that does not know of it
		throw fault;
	});
	for (const window of windows) if (window.open) context.stderr.write(`${windowText(context, window)}\n`);
}
