import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type Answer, type JsonValue, type RequestView, redfishMessages } from '../../proxy/client.ts';
import { type Connection, type ConnectionOptions, readNamedFile, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes, exitOfStatus } from '../exit-codes.ts';
import { hinted, usageError } from '../failure.ts';
import { printJson } from '../output.ts';
import { readStandardInput } from '../prompt.ts';
import { visible } from '../visible.ts';
import { follow, monitorOf } from './follow.ts';
import { approveLines, callText, printRequest, printWaiting } from './request-text.ts';

export interface RedfishOptions extends ConnectionOptions {
	readonly bmc?: string;
	readonly body?: string;
	readonly bodyFile?: string;
	readonly ifMatch?: string;
	readonly query?: readonly string[];
	readonly wait?: boolean;
	readonly include?: boolean;
	readonly table?: boolean;
	readonly json?: boolean;
}

/** `bimetal get|post|patch|delete PATH`: one Redfish call through the proxy. */
export async function redfish(
	context: CliContext,
	method: string,
	target: string,
	options: RedfishOptions,
): Promise<number> {
	const { bmc, path } = chooseTarget(context, target, options);
	const body = await chooseBody(context, method, options);
	const signal = options.wait ? context.interruption() : undefined;

	return withConnection(
		context,
		options,
		async connection => {
			const answer = await connection.client.redfish({ bmc, method, path, body, ifMatch: options.ifMatch });
			const monitor = answer.status === 202 ? monitorOf(answer) : undefined;
			if (monitor === undefined)
				return showAnswer(context, answer, { ...options, call: `${method} ${path}`, bmc });
			const pending = await pendingRequest(connection, monitor);
			if (!options.wait) return showAccepted(context, { answer, monitor, pending, bmc, connection, options });
			return waitForAnswer(context, {
				answer,
				monitor,
				pending,
				bmc,
				connection,
				options,
				call: `${method} ${path}`,
			});
		},
		signal,
	);
}

interface Accepted {
	readonly answer: Answer;
	readonly monitor: string;
	/** Undefined when the 202 is the BMC's own: it has taken the call and works on it. */
	readonly pending: RequestView | undefined;
	readonly bmc: string;
	readonly connection: Connection;
	readonly options: RedfishOptions;
}

/** The proxy names a request's TaskMonitor after the request; a BMC's own task is not known to it. */
async function pendingRequest(connection: Connection, monitor: string): Promise<RequestView | undefined> {
	const id = decodeURIComponent(new URL(monitor, 'https://proxy.invalid').pathname.split('/').at(-1) ?? '');
	try {
		return await connection.client.request(id);
	} catch (error) {
		if (error instanceof BimetalError && error.status === 404) return undefined;
		throw error;
	}
}

async function showAccepted(context: CliContext, accepted: Accepted): Promise<number> {
	const { answer, monitor, pending, bmc, connection, options } = accepted;
	const follow = `${commandName(context)} get ${monitor} --bmc ${bmc} --wait`;
	if (!pending) {
		printJson(context, answer.body ?? null);
		context.stderr.write(
			`The BMC has taken it and works on it. To follow it: ${follow}${connection.suffix}\n`,
		);
		return exitCodes.ok.code;
	}
	if (pending.state !== 'waiting' && !options.json) {
		printRequest(context, pending);
		context.stdout.write(`\nFor its answer:\n  ${follow}${connection.suffix}\n`);
	} else if (options.json) {
		const approve = await approveLines(context, pending, connection);
		printJson(context, {
			waiting: pending,
			monitor,
			approve: Object.fromEntries(approve.map(a => [a.party, a.line])),
		});
	} else await printWaiting(context, pending, { ...connection, follow });
	return exitCodes.waiting.code;
}

async function waitForAnswer(context: CliContext, accepted: Accepted & { call: string }): Promise<number> {
	const { monitor, pending, bmc, connection, options } = accepted;
	if (pending) {
		context.stderr.write(
			`${callText(pending)} at ${visible(bmc)} waits as request ${visible(pending.id)}.\n`,
		);
		for (const { party, line } of await approveLines(context, pending, connection)) {
			context.stderr.write(`  for ${visible(party)} to approve: ${line}\n`);
		}
	}
	try {
		const final = await follow(context, { ...accepted, client: connection.client });
		return await showAnswer(context, final, { ...options, call: accepted.call, bmc });
	} catch (error) {
		if (!(error instanceof BimetalError) || error.code !== 'Interrupted') throw error;
		const message = pending
			? `interrupted; request ${pending.id} goes on waiting for ${visible(pending.needsText)}`
			: 'interrupted; the BMC goes on';
		const again = `${commandName(context)} get ${monitor} --bmc ${bmc} --wait${connection.suffix}`;
		const withdraw = pending ? `, or ${commandName(context)} withdraw ${pending.id}${connection.suffix}` : '';
		throw hinted(new BimetalError('Interrupted', message), `${again}${withdraw}`);
	}
}

/** Prints what the BMC (or the proxy in its place) answered, and gives the exit code that it means. */
async function showAnswer(
	context: CliContext,
	answer: Answer,
	options: RedfishOptions & { call: string; bmc: string },
): Promise<number> {
	const { status, headers, body } = answer;
	if (options.include) {
		context.stderr.write(`HTTP ${status}\n`);
		for (const [name, value] of Object.entries(headers)) context.stderr.write(`${name}: ${visible(value)}\n`);
		context.stderr.write('\n');
	}
	if (status < 400) {
		if (options.table && !options.json) {
			const { printMembers } = await import('./members-table.ts');
			if (await printMembers(context, body)) return exitCodes.ok.code;
			context.stderr.write('bimetal: not a collection; printing it as it is\n');
		}
		if (typeof body === 'string' && !options.json)
			context.stdout.write(`${visible(body, { multiline: true })}\n`);
		else if (body !== undefined || options.json) printJson(context, body ?? { status });
		else context.stderr.write(`done: ${status}\n`);
		return exitCodes.ok.code;
	}
	if (options.json)
		printJson(context, body ?? { error: { code: String(status), message: `HTTP ${status}` } });
	reportRefusal(context, answer, options);
	return exitCodes[exitOfStatus(status)].code;
}

function reportRefusal(
	context: CliContext,
	{ status, body }: Answer,
	{ call, bmc }: { call: string; bmc: string },
): void {
	const bimetal = commandName(context);
	const messages = redfishMessages(body);
	const what = messages.map(({ message }) => visible(message)).join('\n  ') || `HTTP ${status}`;
	const advice = messages.find(({ resolution }) => resolution && !/^none\.?$/i.test(resolution))?.resolution;
	const byStatus: Readonly<Record<number, string>> = {
		401: `${bimetal} login URL --user NAME`,
		403: `${bimetal} policies — shows who must authorize what`,
		404: `${bimetal} get /redfish/v1 --bmc ${bmc} — shows where the BMC's resources start`,
		412: `${bimetal} get PATH --bmc ${bmc} -i — shows the ETag it has now`,
		502: `${bimetal} bmcs — shows which BMCs answer`,
		503: `${bimetal} bmcs — shows which BMCs answer`,
		504: `${bimetal} bmcs — shows which BMCs answer; the call may have been taken`,
	};
	context.stderr.write(`bimetal: ${status} for ${visible(call)} at ${bmc}: ${what}\n`);
	context.stderr.write(`  try: ${visible(advice ?? byStatus[status] ?? `${bimetal} help exit-codes`)}\n`);
}

/** Links in answers are `/bmc/NAME/redfish/…`: they can be pasted, and say which BMC they are of. */
export function chooseTarget(
	context: CliContext,
	target: string,
	options: RedfishOptions,
	isConsole = false,
): { bmc: string; path: string } {
	const link = (isConsole ? /^\/bmc\/([^/]+)(\/.+)$/ : /^\/bmc\/([^/]+)(\/redfish.*)$/).exec(target);
	const linked = link?.[1] && decodeURIComponent(link[1]);
	if (linked && options.bmc && linked !== options.bmc) {
		throw usageError(`the link is of ${visible(linked)}, not of ${options.bmc}`, `--bmc ${visible(linked)}`);
	}
	const bmc = options.bmc ?? linked ?? context.env.BIMETAL_BMC;
	if (!bmc) throw usageError('which BMC?', `--bmc NAME; '${commandName(context)} bmcs' lists them`);
	const path = link?.[2] ?? target;
	if (isConsole) return { bmc, path: path.startsWith('/') ? path : `/${path}` };
	return { bmc, path: redfishPath(path, options.query ?? []) };
}

/** `Systems/system` is short for `/redfish/v1/Systems/system`; `--query $top=5` is added, encoded. */
function redfishPath(target: string, query: readonly string[]): string {
	const path = target.startsWith('/') ? target : `/redfish/v1/${target}`;
	if (!/^\/redfish(\/|$|\?)/.test(path) || /[^\x21-\x7e]/.test(path)) {
		throw usageError(
			`'${visible(target)}' is no Redfish path`,
			'a path like /redfish/v1/Systems/system, or Systems/system',
		);
	}
	const added = query.map(pair => {
		const [name = '', ...value] = pair.split('=');
		// Redfish writes its parameters with a plain dollar sign.
		return `${encodeURIComponent(name).replace('%24', '$')}${value.length ? `=${encodeURIComponent(value.join('='))}` : ''}`;
	});
	return added.length ? `${path}${path.includes('?') ? '&' : '?'}${added.join('&')}` : path;
}

export async function chooseBody(
	context: CliContext,
	method: string,
	options: RedfishOptions,
): Promise<JsonValue | undefined> {
	if (options.body !== undefined && options.bodyFile !== undefined) {
		throw usageError('--body and --body-file exclude each other', 'give one of them');
	}
	const fromFile = async (file: string) =>
		file === '-' ? readStandardInput(context) : readNamedFile(context, file, 'body');
	const text = options.bodyFile === undefined ? options.body : await fromFile(options.bodyFile);
	if (text === undefined) {
		if (method === 'PATCH')
			throw usageError('what is to be changed?', `-d '{"Property": "value"}' or --body-file FILE`);
		// Redfish actions without parameters still take an empty object.
		return method === 'POST' ? {} : undefined;
	}
	try {
		return JSON.parse(text) as JsonValue;
	} catch (error) {
		throw usageError(
			`the body is not JSON: ${(error as Error).message}`,
			`-d '{"ResetType": "ForceRestart"}'`,
		);
	}
}
