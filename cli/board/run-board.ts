import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../common/clock.ts';
import { closeAll } from '../../common/close-all.ts';
import { lockFile } from '../../common/store/file-lock.ts';
import { createProxyClient } from '../../proxy/client.ts';
import { openCard } from '../../qemu/firmware/board-card.ts';
import { bundleProgram } from '../../qemu/firmware/board-program.ts';
import { buildFirmware, type Firmware } from '../../qemu/firmware/build-firmware.ts';
import { type Board, boardFailed, startBoard } from '../../qemu/firmware/start-board.ts';
import { usageError } from '../failure.ts';
import { boardPorts } from './board-places.ts';
import { type BoardSite, openBoardSite } from './board-site.ts';

export interface BoardRun {
	/** Folder of the board: its site, its card, its console's log. Created when missing, mode 0700. */
	readonly state: string;
	/** Ports on this machine; 0 takes a free one. */
	readonly ports: { readonly proxy: number; readonly redfish: number };
	/** Other ports of the board's network, by the ports of this machine that lead there: to see that nothing answers. */
	readonly others?: Readonly<Record<number, number>>;
	/** Beside the site's files on a new card. */
	readonly extra?: ((siteFolder: string, site: BoardSite) => Promise<void>) | undefined;
	/** See `startBoard`. */
	readonly fromFlash?: boolean | undefined;
	/** What its console writes, as it comes. */
	readonly onConsole?: ((bytes: Buffer) => void) | undefined;
	readonly clock: Clock;
	readonly progress: (step: string) => void;
	readonly signal: AbortSignal;
}

export interface RunningBoard {
	readonly board: Board;
	readonly firmware: Firmware;
	readonly site: BoardSite;
	/** The proxy's main port, and the one on which a client finds a plain `/redfish/v1`. */
	readonly urls: { readonly proxy: string; readonly redfish: string };
	/** Milliseconds from power-on to the first answer of the proxy, and to the first of the Redfish service through it. */
	readonly times: { readonly proxy: number; readonly redfish: number };
	/** Switches it off in order; resolves when it is off. */
	end(): Promise<'ended in order' | 'power cut'>;
}

const entry = fileURLToPath(new URL('main.ts', import.meta.url));
const manifest = fileURLToPath(new URL('../../package.json', import.meta.url));
/** Milliseconds from power-on within which the proxy must answer. */
const bootLimit = 240_000;

/** The firmware with this version's code. Throws what `buildFirmware` does. */
export async function buildBoardFirmware(progress: (step: string) => void): Promise<Firmware> {
	progress('Bundling the proxy and the Redfish service');
	return buildFirmware({ program: await bundleProgram(entry, manifest), onProgress: progress });
}

/**
 * Builds the firmware where it is missing, switches the board on and waits until a request of an operator is answered
 * through its proxy. Throws BoardFailed with the console's last lines, and what the parts throw; then nothing is left.
 */
export async function runBoard(options: BoardRun): Promise<RunningBoard> {
	const { state, clock, progress, signal } = options;
	const firmware = await buildBoardFirmware(progress);
	signal.throwIfAborted();
	const opened: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(opened);
	try {
		progress('Keys and certificates');
		const site = await openBoardSite(state, clock);
		const lock = await lockFile(join(state, 'board.lock'), clock);
		if (!lock.locked)
			throw usageError(`the board of ${state} runs already: ${lock.holder}`, 'another folder with --state');
		opened.push(() => lock.release());
		const card = join(state, 'card.img');
		await makeCard(card, site, options);
		const [proxyPort, redfishPort] = await Promise.all(
			[options.ports.proxy, options.ports.redfish].map(port => (port === 0 ? freePort() : port)),
		);
		progress('Switching the board on');
		const board = await startBoard({
			firmware: firmware.folder,
			fromFlash: options.fromFlash,
			folder: state,
			card,
			ports: {
				[boardPorts.proxy]: proxyPort ?? 0,
				[boardPorts.redfish]: redfishPort ?? 0,
				...options.others,
			},
			run: 'board',
			clock,
		});
		opened.push(() => board.stop());
		if (options.onConsole) board.console.onData(options.onConsole);
		const urls = {
			proxy: `https://127.0.0.1:${proxyPort}`,
			redfish: `https://127.0.0.1:${redfishPort}`,
		};
		const times = await firstAnswers(board, site, urls.proxy, options);
		signal.throwIfAborted();
		return {
			board,
			firmware,
			site,
			urls,
			times,
			async end() {
				const how = await board.end();
				opened.pop();
				await close();
				return how;
			},
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}

async function makeCard(card: string, site: BoardSite, { state, extra, progress }: BoardRun): Promise<void> {
	let made: string | undefined;
	try {
		await openCard(card, async () => {
			progress("Writing the board's card");
			await mkdir(state, { recursive: true, mode: 0o700 });
			made = await mkdtemp(join(state, 'card-'));
			const content = await site.layOut(made);
			await extra?.(join(content, 'site'), site);
			return content;
		});
	} finally {
		if (made !== undefined) await rm(made, { recursive: true, force: true });
	}
}

/** Waits for the proxy, then for what an operator asks of the Redfish service through it. */
async function firstAnswers(
	board: Board,
	site: BoardSite,
	url: string,
	{ clock, progress, signal }: BoardRun,
): Promise<RunningBoard['times']> {
	const ended = new AbortController();
	void board.exited.then(() => ended.abort());
	const [operator] = site.operators;
	if (!operator) throw new Error('a site without operators');
	const client = createProxyClient({
		url,
		ca: site.authority.certificatePem,
		credential: { username: operator.name, password: operator.password },
		timeout: 30_000,
		signal,
		clock,
	});
	const isOver = new Promise<undefined>(resolve => {
		for (const over of [signal, ended.signal])
			over.addEventListener('abort', () => resolve(undefined), { once: true });
	});
	const stopTelling = tellSteps(board, progress);
	const start = clock.elapsed();
	let proxy: number | undefined;
	try {
		for (;;) {
			signal.throwIfAborted();
			if (ended.signal.aborted) throw boardFailed('the board has gone off before its proxy answered', board);
			if (clock.elapsed() - start > bootLimit)
				throw boardFailed(`the board's proxy does not answer within ${bootLimit / 1000} s`, board);
			const path = proxy === undefined ? '/redfish' : '/redfish/v1/Systems/system';
			const status = await Promise.race([answerOf(client, path), isOver]);
			if (status !== undefined && proxy === undefined) proxy = clock.now() - board.poweredOn;
			else if (status === 200 && proxy !== undefined)
				return { proxy, redfish: clock.now() - board.poweredOn };
			else await new Promise<void>(resolve => clock.after(250, resolve));
		}
	} finally {
		stopTelling();
		// Not waited for: a connection that nobody answers on ends with the board.
		client.close().catch(() => undefined);
	}
}

/** The status of a GET, or nothing while nobody answers. */
async function answerOf(
	client: ReturnType<typeof createProxyClient>,
	path: string,
): Promise<number | undefined> {
	try {
		return (await client.redfish({ bmc: 'bmc', method: 'GET', path })).status;
	} catch {
		return undefined;
	}
}

/** What the board says of its start, as progress. */
function tellSteps(board: Board, progress: (step: string) => void): () => void {
	let line = '';
	return board.console.onData(bytes => {
		const lines = (line + bytes.toString('latin1')).split('\n');
		line = lines.pop() ?? '';
		for (const said of lines) {
			if (said.startsWith('board: up')) progress('The board is up; its services start');
			else if (said.includes('the Redfish service listens')) progress('Its Redfish service listens');
			else if (said.includes('the proxy listens')) progress('Its proxy listens');
		}
	});
}

function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const probe = createServer();
		probe.once('error', reject);
		probe.listen({ host: '127.0.0.1', port: 0 }, () => {
			const address = probe.address();
			probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
		});
	});
}
