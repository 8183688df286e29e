import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { duration } from '../../common/config/values.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createLogger } from '../../common/log/logger.ts';
import type { EnrolOutcome } from '../../proxy/enrol/enrol.ts';
import { makeBoardFolder } from '../../qemu/openbmc/board-folder.ts';
import type { Forward } from '../../qemu/openbmc/forwards.ts';
import { type Openbmc, startOpenbmc } from '../../qemu/openbmc/start-openbmc.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { painter } from '../output.ts';
import { givenBmc } from '../up/given-bmc.ts';
import { profilesOf, saveProfiles } from '../up/profiles.ts';
import { type RunningSite, startSite } from '../up/start-site.ts';
import { visible } from '../visible.ts';
import { boardConsole } from './board-console.ts';
import { boardDocument, boardText, siteText } from './qemu-openbmc-text.ts';

export interface OpenbmcOptions {
	readonly image: string;
	readonly machine?: string;
	readonly sha256?: string;
	readonly port?: readonly string[];
	readonly timeout: string;
	readonly console?: boolean;
	readonly consoleLog?: string;
	readonly proxy?: boolean;
	readonly proxyPort: number;
	readonly policies?: string;
	readonly json?: boolean;
}

/** The board's name in the site that `--proxy` makes. */
const name = 'openbmc';
const shippedPolicies = fileURLToPath(new URL('../../policies', import.meta.url));

/** `bimetal qemu openbmc`: runs until Ctrl-C, or until the board ends. */
export async function openbmc(context: CliContext, options: OpenbmcOptions): Promise<number> {
	const interrupted = context.interruption();
	const timeout = readTimeout(options.timeout);
	const forwards = readForwards(options.port ?? []);
	const say = (line: string) => void context.stderr.write(`bimetal: ${visible(line)}\n`);
	const consoleLines = options.console ? boardConsole(context) : undefined;
	let site: { running: RunningSite; state: string; enrolled: EnrolOutcome } | undefined;
	let started: Openbmc | undefined;
	try {
		started = await startOpenbmc({
			image: path.resolve(context.cwd, options.image),
			machine: options.machine,
			sha256: options.sha256,
			forwards,
			timeout,
			consoleFile: options.consoleLog && path.resolve(context.cwd, options.consoleLog),
			run: `openbmc-${process.pid}-${randomBytes(4).toString('hex')}`,
			clock: context.clock,
			signal: interrupted,
			onProgress: say,
			...(consoleLines && { onConsole: consoleLines }),
		});
		if (options.proxy) site = await putProxyBefore(context, options, started, timeout, say);
		const paint = painter(context);
		const bimetal = commandName(context);
		if (options.json) {
			const line = { openbmc: boardDocument(started, site?.enrolled), ...site?.running.line };
			context.stdout.write(`${JSON.stringify(line)}\n`);
		} else {
			context.stdout.write(boardText(started, paint, site !== undefined));
			if (site)
				context.stdout.write(
					siteText(site.running.line, site.enrolled, bimetal, profilesOf(site.running.site), paint),
				);
		}
		const ended = await Promise.race([started.board.exited, aborted(interrupted)]);
		if (ended) throw boardEnded(started);
		say('ending…');
		return exitCodes.ok.code;
	} catch (fault) {
		if (!interrupted.aborted) throw fault;
		say('interrupted before it was up; nothing is left');
		return exitCodes.interrupted.code;
	} finally {
		await site?.running.close();
		if (site) await rm(site.state, { recursive: true, force: true });
		await started?.stop();
	}
}

/** A site of this one board, in a folder that goes with it: the next boot is another BMC, with another certificate. */
async function putProxyBefore(
	context: CliContext,
	options: OpenbmcOptions,
	{ board, redfish, login }: Openbmc,
	patience: number,
	say: (line: string) => void,
): Promise<{ running: RunningSite; state: string; enrolled: EnrolOutcome }> {
	const state = await makeBoardFolder();
	try {
		let enrolled: EnrolOutcome | undefined;
		const bmc = { name, url: board.url, fingerprint: redfish.fingerprint, ...login };
		const room = givenBmc(bmc, {
			clock: context.clock,
			signal: context.interruption(),
			patience,
			report: line => say(`enrolling: ${line}`),
			onEnrolled: outcome => {
				enrolled = outcome;
			},
		});
		const running = await startSite(
			{
				...{ state, host: '127.0.0.1', port: options.proxyPort, opsPort: 0, processes: 1 },
				policies: options.policies ? path.resolve(context.cwd, options.policies) : shippedPolicies,
				logger: createLogger({
					service: 'up',
					level: 'warn',
					destination: { write: line => void context.stderr.write(line) },
				}),
				progress: step => say(`${step}…`),
			},
			room,
		);
		if (!enrolled) throw new Error('the proxy runs, and the BMC was not enrolled');
		await saveProfiles(running.site, running.line.proxy.url);
		return { running, state, enrolled };
	} catch (fault) {
		await rm(state, { recursive: true, force: true });
		throw fault;
	}
}

function readTimeout(text: string): number {
	const read = duration.safeParse(text);
	if (read.success) return read.data;
	throw usageError(`'${visible(text)}' is no time: ${read.error.issues[0]?.message}`, '--timeout 10m');
}

/** `HERE`, `HERE:BOARD` or `HERE:BOARD/udp`. Redfish is always among them, and first. */
function readForwards(wanted: readonly string[]): readonly [Forward, ...Forward[]] {
	const forwards = wanted.map((text): Forward => {
		const parts = /^(\d{1,5})(?::(\d{1,5})(?:\/(tcp|udp))?)?$/.exec(text);
		const [here, board] = [Number(parts?.[1]), Number(parts?.[2] ?? 443)];
		if (!parts || here > 65535 || board > 65535 || board === 0)
			throw usageError(
				`'${visible(text)}' is no port`,
				'--port 2443 for Redfish, --port 2623:623/udp for IPMI',
			);
		return { protocol: parts[3] === 'udp' ? 'udp' : 'tcp', here, board };
	});
	const isRedfish = ({ protocol, board }: Forward) => protocol === 'tcp' && board === 443;
	const redfish = forwards.find(isRedfish) ?? { protocol: 'tcp', here: 0, board: 443 };
	return [redfish, ...forwards.filter(forward => forward !== redfish)];
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
	new Promise(resolve => {
		if (signal.aborted) resolve(undefined);
		signal.addEventListener('abort', () => resolve(undefined), { once: true });
	});

function boardEnded({ board }: Openbmc): BimetalError {
	const lines = board.console.lastLines(10).map(line => `  | ${line}`);
	return new BimetalError(
		'RedfishSilent',
		`the board has ended. Its console said last:\n${lines.join('\n')}`,
	);
}
