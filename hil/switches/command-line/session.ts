import type { Clock } from '../../../common/clock.ts';
import { hilErrors } from '../../errors.ts';
import { connectSsh, type SshConnection, type SshTarget } from '../transport/ssh.ts';
import { type CommandLine, type CommandLineKind, openCommandLine } from './command-line.ts';

export interface SessionSettings extends SshTarget {
	readonly password: string;
	/** For `enable`, when it is another than the account's. */
	readonly enablePassword?: string | undefined;
}

/** A command line at which all may be done, opened when it is needed and as often as it is. */
export interface Session {
	/** One at a time. Whatever goes wrong in it ends the connection; the next begins with a new one. */
	use<R>(work: (line: CommandLine) => Promise<R>, signal: AbortSignal): Promise<R>;
	close(): Promise<void>;
}

export interface SessionDeps {
	readonly clock: Clock;
	/** Milliseconds that a switch has to end a command whose connection broke, before anything else is asked of it. */
	readonly quiet: number;
	/**
	 * By address, when a command has ended whose end was not seen. Until then the switch may still do it, and whoever looked
	 * at a port, or put it back, could be overtaken. Outlives a worker's session.
	 */
	readonly unsettled: Map<string, Promise<void>>;
}

/** How long, in ms, the end of a command is waited for that was given up. */
const patience = 60_000;

interface Open {
	readonly line: CommandLine;
	readonly connection: SshConnection;
}

export function createSession(
	settings: SessionSettings,
	kind: CommandLineKind & { readonly unpaged: string },
	{ clock, quiet, unsettled }: SessionDeps,
): Session {
	const address = `${settings.host}:${settings.port}`;
	let current: Open | undefined;

	async function open(signal: AbortSignal): Promise<Open> {
		const connection = await connectSsh(settings, signal);
		try {
			const line = await openCommandLine(await connection.shell(signal), kind, settings, signal);
			if (line.mode.endsWith('>')) await enable(line, signal);
			await line.run({ text: kind.unpaged, leaves: /^#$/ }, signal).catch(fault => {
				// Where it is not known, the pager is answered page by page.
				if (fault.code !== 'SwitchRefused') throw fault;
			});
			return { line, connection };
		} catch (fault) {
			await connection.close();
			throw fault;
		}
	}

	async function enable(line: CommandLine, signal: AbortSignal): Promise<void> {
		const answer = settings.enablePassword ?? settings.password;
		const asksPassword = { asks: /password\s*:$/i, answer };
		try {
			await line.run({ text: 'enable', leaves: /^#$/, questions: [asksPassword] }, signal);
		} catch (cause) {
			if ((cause as { code?: string }).code === undefined) throw cause;
			const why = `the switch at ${address} does not let ${settings.username} do more than look; register it with an account of privilege 15, or with its enable_password`;
			throw hilErrors.SwitchAway(`${why}: ${(cause as Error).message.replaceAll(answer, '…')}`, { cause });
		}
	}

	/** Ends the connection, and lets nobody in before what is under way has ended. */
	async function leave({ line, connection }: Open, isGivenUp: boolean): Promise<void> {
		if (!line.isUnderWay) return connection.close();
		connection.unref();
		const over = (isGivenUp && connection.isOpen ? settled(line) : someTime())
			.then(() => connection.close())
			.then(() => {
				if (unsettled.get(address) === over) unsettled.delete(address);
			});
		unsettled.set(address, over);
		if (!isGivenUp) await connection.close();
	}

	async function settled(line: CommandLine): Promise<void> {
		const late = new AbortController();
		const cancel = clock.after(patience, () => late.abort(new Error('it takes too long')));
		await line.settle(late.signal);
		cancel();
		// It has not ended, but the connection has, or it never will.
		if (line.isUnderWay) await someTime();
	}

	const someTime = (): Promise<void> =>
		new Promise(resolve => {
			clock.after(quiet, resolve);
		});

	return {
		async use(work, signal) {
			const earlier = unsettled.get(address);
			if (earlier) await orAborted(earlier, signal);
			if (current && !current.line.isOpen) {
				// It was left alone for too long, as a rule: log-ins end by themselves.
				await current.connection.close();
				current = undefined;
			}
			current ??= await open(signal);
			const used = current;
			try {
				return await work(used.line);
			} catch (fault) {
				current = undefined;
				await leave(used, signal.aborted);
				throw fault;
			}
		},
		async close() {
			const last = current;
			current = undefined;
			await last?.connection.close();
		},
	};
}

/** The promise, or the reason of the signal when that comes first. */
async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
	signal.throwIfAborted();
	const { promise: aborted, reject } = Promise.withResolvers<never>();
	const onAbort = (): void => reject(signal.reason);
	signal.addEventListener('abort', onAbort, { once: true });
	try {
		await Promise.race([promise, aborted]);
	} finally {
		signal.removeEventListener('abort', onAbort);
	}
}
