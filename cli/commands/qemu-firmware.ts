import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Firmware, flashSize } from '../../qemu/firmware/build-firmware.ts';
import { boardFlash } from '../../qemu/firmware/flash-image.ts';
import { boardFailed } from '../../qemu/firmware/start-board.ts';
import type { BoardFigures } from '../board/board-figures.ts';
import { orderMeter, readMeter } from '../board/order-meter.ts';
import { buildBoardFirmware, type RunningBoard, runBoard } from '../board/run-board.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { painter, printFields, printJson } from '../output.ts';
import { profileHome } from '../profile.ts';
import { progressLine } from '../progress.ts';
import { profilesOf, saveProfiles } from '../up/profiles.ts';
import { boardConsole } from './board-console.ts';

export interface BootOptions {
	readonly state: string;
	readonly port: number;
	readonly redfishPort: number;
	readonly flash?: boolean;
	readonly console?: boolean;
	readonly json?: boolean;
}

export interface BuildOptions {
	readonly flash?: string;
	readonly json?: boolean;
}

/** `bimetal qemu firmware build` */
export async function buildFirmware(context: CliContext, options: BuildOptions): Promise<number> {
	const progress = progressLine(context);
	const image = options.flash && path.resolve(context.cwd, options.flash);
	const firmware = await buildBoardFirmware(step => progress.show(step)).finally(() => progress.end());
	if (image) await writeFile(image, await boardFlash(firmware.folder));
	if (options.json) printJson(context, { ...firmware, ...sizesOf(firmware), image: image ?? null });
	else
		printFields(context, [...firmwareFields(firmware), ...(image ? [['flash image', image] as const] : [])]);
	return exitCodes.ok.code;
}

/** `bimetal qemu firmware boot`: runs until Ctrl-C, or until the board goes off. */
export async function bootFirmware(context: CliContext, options: BootOptions): Promise<number> {
	const interrupted = context.interruption();
	const progress = progressLine(context);
	const running = await start(context, {
		state: path.resolve(context.cwd, options.state),
		ports: { proxy: options.port, redfish: options.redfishPort },
		show: progress.show,
		fromFlash: options.flash,
		...(options.console && { onConsole: boardConsole(context) }),
	}).finally(() => progress.end());
	if (!running) return exitCodes.interrupted.code;
	const { board, site, urls } = running;
	let isOff = false;
	void board.exited.then(() => {
		isOff = true;
	});
	try {
		await saveProfiles(site, urls.proxy);
		if (options.json) context.stdout.write(`${JSON.stringify(boardLine(running))}\n`);
		else context.stdout.write(boardText(context, running));
		await Promise.race([board.exited, aborted(interrupted)]);
		if (isOff) throw boardFailed('the board has gone off by itself', board);
		if (!options.json) context.stderr.write('\nbimetal: switching the board off…\n');
	} finally {
		const how = await running.end();
		if (how === 'power cut')
			context.stderr.write('bimetal: it did not end in order in time: its power was cut\n');
	}
	return exitCodes.ok.code;
}

/** `bimetal qemu firmware measure`: a board of its own, which is gone afterwards. */
export async function measureFirmware(context: CliContext, options: { json?: boolean }): Promise<number> {
	const state = await mkdtemp(path.join(tmpdir(), 'bimetal-board-'));
	const progress = progressLine(context);
	try {
		const running = await start(context, {
			state,
			ports: { proxy: 0, redfish: 0 },
			show: progress.show,
			// The board holds an operator's password, which none has otherwise: it asks its own proxy.
			extra: (folder, site) => orderMeter(folder, site, 5000),
		});
		if (!running) return exitCodes.interrupted.code;
		let figures: BoardFigures;
		try {
			progress.show('Asking the Redfish service with and without the proxy');
			const read = readMeter(running.board, 240_000);
			// It is still waited for, and fails when the board goes off.
			read.catch(() => undefined);
			const found = await Promise.race([read, aborted(context.interruption())]);
			if (!found) return exitCodes.interrupted.code;
			figures = found;
		} finally {
			await running.end();
			progress.end();
		}
		const { firmware, times } = running;
		const ratio =
			Math.round((figures.proxy.requestsPerSecond / figures.redfish.requestsPerSecond) * 100) / 100;
		if (options.json) printJson(context, { ...figures, ratio, times, ...sizesOf(firmware) });
		else printFields(context, [...firmwareFields(firmware), ...figureFields(figures, ratio, times)]);
		return exitCodes.ok.code;
	} finally {
		progress.end();
		await rm(state, { recursive: true, force: true });
	}
}

interface Start {
	readonly state: string;
	readonly ports: { readonly proxy: number; readonly redfish: number };
	readonly show: (step: string) => void;
	readonly fromFlash?: boolean | undefined;
	readonly extra?: Parameters<typeof runBoard>[0]['extra'] | undefined;
	readonly onConsole?: ((bytes: Buffer) => void) | undefined;
}

/** Nothing when it was interrupted before it was up. */
async function start(context: CliContext, { show, ...options }: Start): Promise<RunningBoard | undefined> {
	const signal = context.interruption();
	try {
		return await runBoard({ ...options, progress: show, clock: context.clock, signal });
	} catch (fault) {
		if (!signal.aborted) throw fault;
		context.stderr.write('\nbimetal: interrupted before the board was up; nothing runs\n');
		return undefined;
	}
}

function sizesOf(firmware: Firmware) {
	const packed = firmware.kernel + firmware.initrd + firmware.deviceTree;
	return { packed, flash: flashSize };
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function firmwareFields(firmware: Firmware): [string, string][] {
	const { packed, flash } = sizesOf(firmware);
	const parts = `kernel ${megabytes(firmware.kernel)}, root file system ${megabytes(firmware.initrd)} of which our code takes ${megabytes(firmware.code)} unpacked`;
	return [
		['firmware', `${firmware.folder} (${firmware.isNew ? 'built now' : 'was there'})`],
		['packed', `${megabytes(packed)} of ${megabytes(flash)} flash: ${parts}`],
		['made of', `${firmware.packages.length} Debian packages`],
	];
}

function figureFields(
	figures: BoardFigures,
	ratio: number,
	times: RunningBoard['times'],
): [string, string][] {
	const { proxy, redfish } = figures;
	return [
		[
			'first answer',
			`${seconds(times.proxy)} after power-on, of Redfish through the proxy ${seconds(times.redfish)}`,
		],
		[
			'memory',
			`proxy ${megabytes(figures.residentAtStart)} resident, under load ${megabytes(figures.residentAfterLoad)}, while a password is checked up to ${megabytes(figures.residentAtMost)}; Redfish service ${megabytes(figures.redfishResident)}`,
		],
		[
			'requests/s',
			`${proxy.requestsPerSecond} through the proxy (HTTPS), ${redfish.requestsPerSecond} without it (HTTP): ${ratio}`,
		],
	];
}

function boardLine({ urls, site, times, firmware, board }: RunningBoard) {
	return {
		...urls,
		bmc: 'bmc',
		ca: site.caFile,
		state: site.folder,
		pid: board.pid,
		operators: site.operators.map(({ name, party, password }) => ({ name, party, password })),
		times,
		...sizesOf(firmware),
	};
}

function boardText(context: CliContext, running: RunningBoard): string {
	const { urls, site, times } = running;
	const bimetal = commandName(context);
	const paint = painter(context);
	const profiles = profilesOf(site);
	const home = profileHome(context) === profiles ? '' : `\nexport BIMETAL_HOME=${profiles}\n`;
	const post = (what: string, body: string, as: string) =>
		`${bimetal} post ${what} --bmc bmc --as ${as} -d '${body}'`;
	return `
${paint('bold', 'The board runs')}: an AST2600 with a Redfish service on its loopback, and the P²C proxy as its only door

    proxy ${urls.proxy}   (its Redfish: ${urls.redfish}/redfish/v1)
    CA    ${site.caFile}
    first answer ${seconds(times.proxy)} after power-on

${site.operators.map(({ name, party, password }) => `    ${party.padEnd(4)} ${name.padEnd(14)} ${password}`).join('\n')}

${paint('bold', 'Try')} (in another terminal, in this folder)
${home}
${post('Systems/system/Actions/ComputerSystem.Reset', '{"ResetType":"GracefulRestart"}', 'hso')}
${post('Managers/bmc/Actions/Manager.ResetToDefaults', '{"ResetType":"ResetAll"}', 'hso')}

    CP's policy lets the site restart the server in order, so the first is done at once; the second waits for CP.

${paint('dim', 'Ctrl-C switches it off; the next start finds the same board in')} ${site.folder}
`;
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
	new Promise(resolve => {
		if (signal.aborted) resolve(undefined);
		signal.addEventListener('abort', () => resolve(undefined), { once: true });
	});
