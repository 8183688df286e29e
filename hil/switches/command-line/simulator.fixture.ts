import type { ServerChannel } from 'ssh2';
import type { PortState } from '../../core/actions.ts';
import { type SshServer, type SshServerOptions, startSshServer } from '../transport/ssh-server.fixture.ts';
import { createTerminal, type Terminal, type TerminalLook } from './simulated-terminal.fixture.ts';

/** Where a log-in stands. */
export interface Shell {
	mode: 'exec' | 'privileged' | 'config' | 'interface' | 'vlan';
	/** The port, or the VLAN, that is being configured. */
	at: string;
	isPaged: boolean;
}

export interface Asking {
	readonly asks: string;
	/** One key without a return is enough. */
	readonly isKey: boolean;
	readonly isHidden?: boolean;
	answered(answer: string): readonly string[] | Asking;
}

/** A command of the device: where it is known, how it is written, and what it says. */
export interface Rule {
	readonly in: readonly Shell['mode'][];
	readonly text: RegExp;
	run(found: RegExpExecArray, shell: Shell): readonly string[] | Asking;
}

/** What a device of a kind does, without the way to it. */
export interface Device {
	readonly look: TerminalLook;
	/** What it asks for in the terminal, when SSH does not. */
	readonly asks: { readonly username: string; readonly password: string };
	readonly ssh: Partial<SshServerOptions>;
	/** Of a log-in that has just begun. */
	readonly begin: Shell['mode'];
	readonly rules: readonly Rule[];
	/** How many log-ins it takes, and what it says to the next. */
	readonly sessions: { readonly most: number; readonly refusal: string };
	prompt(shell: Shell): string;
	/** What it says of a command that it does not know here; `column`: where that begins on the screen. */
	unknown(text: string, shell: Shell, column: number): readonly string[];
	/** What passes a port. */
	carries(port: string): PortState;
	readonly ports: readonly string[];
	/** What was saved, and nothing else, is there again. */
	restart(): void;
}

/** What goes wrong with a command. */
export type Trouble =
	/** The connection ends before the device has read it. */
	| { readonly kind: 'cut before' }
	/** The device does it, and the connection ends without an answer. */
	| { readonly kind: 'cut after' }
	/** It says this instead of its answer, having done it or not. */
	| { readonly kind: 'says'; readonly lines: readonly string[]; readonly isDone: boolean }
	/** It does it, and is in another mode afterwards than it should be. */
	| { readonly kind: 'strays'; readonly mode: Shell['mode'] }
	/** What is no text, and no prompt behind it. */
	| { readonly kind: 'garbage'; readonly bytes: Buffer }
	/** An answer without an end. */
	| { readonly kind: 'endless' }
	/** The device takes it up when `until` has come. */
	| { readonly kind: 'slow'; readonly until: Promise<unknown> };

export const account = { username: 'hil', password: 'only between us' };

export interface Simulator {
	readonly hostname: string;
	/** For `SwitchTrust`. */
	readonly knownHosts: string;
	readonly server: SshServer;
	/** Commands in the order in which they were taken up. */
	readonly commands: string[];
	/** What passed each port after each command that changed that. */
	readonly history: { readonly command: string; readonly port: string; readonly state: PortState }[];
	/** Called with each command; and, when it has one, what goes wrong with it. */
	trouble: (command: string) => Trouble | undefined;
	/** Lines that the device writes by itself before the next echo. */
	log: string[];
	/** Log-ins at the moment. */
	readonly sessions: number;
	/** Off and on again. */
	restart(): void;
	close(): Promise<void>;
}

/** A device behind a real SSH server on loopback. */
export async function startSimulator(
	device: Device,
	options: Partial<SshServerOptions> = {},
): Promise<Simulator> {
	let sessions = 0;
	const shown = new Map(device.ports.map(port => [port, JSON.stringify(device.carries(port))]));
	const server = await startSshServer({ ...account, ...device.ssh, ...options, onShell: serve });
	const simulator: Simulator = {
		hostname: `127.0.0.1:${server.port}`,
		knownHosts: server.knownHostsLine,
		server,
		commands: [],
		history: [],
		trouble: () => undefined,
		log: [],
		get sessions() {
			return sessions;
		},
		restart() {
			device.restart();
			server.cut();
			note('(restart)');
		},
		close: () => server.close(),
	};

	function note(command: string): void {
		for (const port of device.ports) {
			const state = device.carries(port);
			const text = JSON.stringify(state);
			if (shown.get(port) === text) continue;
			shown.set(port, text);
			simulator.history.push({ command, port, state });
		}
	}

	function serve(channel: ServerChannel): void {
		const terminal = createTerminal(channel, device.look);
		if (sessions >= device.sessions.most) {
			terminal.write(`\r\n${device.sessions.refusal}\r\n`);
			terminal.hangUp();
			return;
		}
		sessions++;
		channel.once('close', () => sessions--);
		void converse(terminal);
	}

	async function converse(terminal: Terminal): Promise<void> {
		if ({ ...device.ssh, ...options }.logIn === 'within' && !(await logIn(terminal)))
			return terminal.hangUp();
		const shell: Shell = { mode: device.begin, at: '', isPaged: true };
		for (;;) {
			for (const line of simulator.log.splice(0)) terminal.write(`\r\n${line}\r\n`);
			const prompt = device.prompt(shell);
			const text = (await terminal.readLine(prompt)).trim();
			if (text === '' || text.startsWith('!')) continue;
			simulator.commands.push(text);
			const trouble = simulator.trouble(text);
			if (trouble?.kind === 'cut before') return server.cut();
			if (trouble?.kind === 'slow') await trouble.until;
			if (trouble?.kind === 'says' && !trouble.isDone) {
				await terminal.print(trouble.lines, false);
				continue;
			}
			const lines = await carryOut(text, shell, prompt.length, terminal);
			note(text);
			if (trouble?.kind === 'cut after') return server.cut();
			if (trouble?.kind === 'strays') shell.mode = trouble.mode;
			if (trouble?.kind === 'garbage') return terminal.write(trouble.bytes);
			if (trouble?.kind === 'endless') {
				for (let line = 0; line < 200_000; line++)
					terminal.write('and so on and so forth, without an end\r\n');
				return;
			}
			await terminal.print(trouble?.kind === 'says' ? trouble.lines : lines, shell.isPaged);
			if (shell.mode === 'exec' && text === 'logout') return terminal.hangUp();
		}
	}

	async function logIn(terminal: Terminal): Promise<boolean> {
		terminal.write('\r\n\r\n');
		for (let times = 0; times < 3; times++) {
			const username = await terminal.readLine(device.asks.username);
			const password = await terminal.readLine(device.asks.password, 'stars');
			if (username === account.username && password === account.password) {
				server.logIns.taken++;
				return true;
			}
			server.logIns.refused++;
			terminal.write('authentication failed\r\n\r\n');
		}
		return false;
	}

	async function carryOut(
		text: string,
		shell: Shell,
		column: number,
		terminal: Terminal,
	): Promise<readonly string[]> {
		for (const rule of device.rules) {
			if (!rule.in.includes(shell.mode)) continue;
			const found = rule.text.exec(text);
			if (!found) continue;
			let said = rule.run(found, shell);
			while ('asks' in said) {
				const answer = said.isKey
					? await terminal.readKey(said.asks)
					: await terminal.readLine(said.asks, said.isHidden ? 'none' : 'plain');
				said = said.answered(answer);
			}
			return said;
		}
		return device.unknown(text, shell, column);
	}

	return simulator;
}
