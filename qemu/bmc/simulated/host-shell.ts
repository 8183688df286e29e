import type { HostContext, HostPower } from '../host.ts';
import type { PowerState } from '../power.ts';
import { hostLines } from './host-lines.ts';

/** The serial line of the emulated host: firmware, a log-in and a small shell. */
export interface HostShell {
	/** What the host writes from now on; the returned function ends it. */
	listen(take: (bytes: Buffer) => void): () => void;
	/** What is typed on it; whoever types, it is one line. */
	type(bytes: Buffer): void;
	/** To be called at every change of the machine's power. */
	powerChanged(now: PowerState, before: PowerState): void;
}

type Prompt = 'login' | 'password' | 'shell';

const LONGEST_LINE = 256;

/**
 * Nothing is repeated for who comes later: obmc-console shows a new client what is written from then on, and so
 * Enter is the first thing to type. Any name and password log in: there is nothing to guard on an emulated host.
 */
export function createHostShell(host: HostContext & { readonly power: HostPower }): HostShell {
	const listeners = new Set<(bytes: Buffer) => void>();
	let prompt: Prompt = 'login';
	let line = '';
	let user = '';

	const write = (text: string): void => {
		const bytes = Buffer.from(text, 'utf8');
		for (const take of listeners) take(bytes);
	};
	const promptText = (): string => {
		switch (prompt) {
			case 'login':
				return `${host.name} login: `;
			case 'password':
				return 'Password: ';
			case 'shell':
				return `[${user}@${host.name} ~]# `;
		}
	};
	const greet = (): void => {
		prompt = 'login';
		line = '';
		write(`\r\n${promptText()}`);
	};

	const commands: Readonly<Record<string, (rest: string) => string>> = {
		help: () => `${Object.keys(commands).sort().join(' ')}\r\n`,
		echo: rest => `${rest}\r\n`,
		hostname: () => `${host.name}\r\n`,
		whoami: () => `${user}\r\n`,
		uptime: () => {
			const seconds = Math.floor((host.clock.now() - host.power.changedAt()) / 1000);
			return `up ${seconds} s\r\n`;
		},
		uname: () => `Linux ${host.name} 6.12.0 x86_64 GNU/Linux\r\n`,
		// Something long, for who wants to see a slow reader being waited for.
		yes: rest => `${rest || 'y'}\r\n`.repeat(2000),
		reboot() {
			host.power.reset('GracefulRestart');
			return '';
		},
		poweroff() {
			host.power.reset('GracefulShutdown');
			return '';
		},
	};

	const enter = (): void => {
		const typed = line.trim();
		line = '';
		write('\r\n');
		switch (prompt) {
			case 'login':
				if (typed !== '') {
					user = typed.replace(/[^\w.-]/g, '');
					prompt = 'password';
				}
				break;
			case 'password':
				prompt = 'shell';
				write(`Welcome to ${host.identity.model}.\r\n`);
				break;
			case 'shell': {
				const [name = '', ...rest] = typed.split(' ');
				if (name === 'exit' || name === 'logout') prompt = 'login';
				else if (name !== '') {
					const run = Object.hasOwn(commands, name) ? commands[name] : undefined;
					write(run ? run(rest.join(' ')) : `${name}: command not found\r\n`);
				}
			}
		}
		if (host.power.state().kind === 'On') write(promptText());
	};

	const take = (character: string): void => {
		switch (character) {
			case '\r':
			case '\n':
				enter();
				return;
			case '\x7f':
			case '\b':
				if (line === '') return;
				line = line.slice(0, -1);
				if (prompt !== 'password') write('\b \b');
				return;
			case '\x03':
				line = '';
				write(`^C\r\n${promptText()}`);
				return;
			case '\x04':
				if (prompt !== 'shell' || line !== '') return;
				write('logout\r\n');
				greet();
				return;
			default:
				if (character < ' ' || line.length >= LONGEST_LINE) return;
				line += character;
				if (prompt !== 'password') write(character);
		}
	};

	return {
		listen(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		type(bytes) {
			// Nobody reads the line while no operating system runs.
			if (host.power.state().kind !== 'On') return;
			for (const character of bytes.toString('utf8')) take(character);
		},
		powerChanged(now, before) {
			const lines = hostLines(host, now.kind);
			switch (now.kind) {
				case 'PoweringOn':
					write(`\r\n${lines.join('\r\n')}\r\n`);
					return;
				case 'On':
					if (before.kind !== 'PoweringOn') write(`\r\n${lines.slice(0, -1).join('\r\n')}\r\n`);
					else write(`${lines.at(-2) ?? ''}\r\n`);
					greet();
					return;
				case 'PoweringOff':
					write(`\r\n${lines.at(-2) ?? ''}\r\n`);
					return;
				case 'Off':
					write('Power down\r\n');
			}
		},
	};
}
