import { EventEmitter } from 'node:events';
import type { ServerChannel } from 'ssh2';
import { parseXml } from '../../netconf/xml.ts';
import { type SshServer, startSshServer } from '../../transport/ssh-server.fixture.ts';
import { createJunosDevice, type Editor, type JunosDevice } from './device.fixture.ts';
import { serveSession, type Trouble } from './session.fixture.ts';

export interface JunosSimulatorOptions {
	/** Committed at the start: what stands inside `<configuration>`. */
	readonly configuration?: string;
	/** Newer versions, set to `rfc-compliant`: NETCONF 1.1, and elements with prefixes. */
	readonly isNew?: boolean;
	/** The user's class may look at everything and change nothing. */
	readonly isReadOnly?: boolean;
	/** Sessions at a time; 75 when absent. */
	readonly limit?: number;
	/** How many times the hardware is asked before it shows what was committed last. */
	readonly lag?: number;
	/** Instead of the usual greeting. */
	readonly greeting?: string;
	/** Of the user, besides the password: in OpenSSH's format. */
	readonly publicKey?: string;
}

/**
 * An EX switch with Enhanced Layer 2 Software, as NETCONF over SSH shows it. Written from Juniper's documentation and
 * from replies that others have published; where the texts of errors are not known, they are in Junos' manner.
 */
export interface JunosSimulator {
	readonly ssh: SshServer;
	readonly device: JunosDevice;
	readonly username: string;
	readonly password: string;
	/** By operation; each happens once, the next time. */
	readonly trouble: Map<string, Trouble>;
	/** Operations in the order in which they came. */
	readonly seen: string[];
	/** Tells of each operation as it comes, by its name. */
	readonly arrivals: EventEmitter;
	/** Does what came with the trouble `late`. */
	finish(): void;
	/** What is committed stays; all else is lost, and connections end. */
	restart(): void;
	close(): Promise<void>;
}

/** As it comes from the box, but for its ports: they have Ethernet switching there, in VLAN 1. */
const emptied = `
	<system><host-name>ex4300</host-name></system>
	<vlans><vlan><name>default</name><vlan-id>1</vlan-id></vlan></vlans>`;

export async function startJunosSimulator(options: JunosSimulatorOptions = {}): Promise<JunosSimulator> {
	const { limit = 75, lag = 0, configuration = emptied } = options;
	const login = { username: 'hil', password: 'open sesame' };
	const device = createJunosDevice(parseXml(`<configuration>${configuration}</configuration>`).children);
	const trouble = new Map<string, Trouble>();
	const seen: string[] = [];
	const arrivals = new EventEmitter();
	const channels = new Map<string, ServerChannel>();
	let shown = device.forwarding;
	let looks = 0;
	let late: { readonly editor: Editor; readonly work: () => void } | undefined;

	function look(): JunosDevice['forwarding'] {
		if (shown !== device.forwarding && ++looks > lag) {
			shown = device.forwarding;
			looks = 0;
		}
		return shown;
	}

	function serve(channel: ServerChannel): void {
		if (channels.size >= limit) return void channel.close();
		const editor = device.open(login.username);
		channels.set(editor.id, channel);
		channel.once('close', () => {
			channels.delete(editor.id);
			// A process that is in the middle of a commit sees only afterwards that nobody is there any more.
			if (late?.editor !== editor) device.leave(editor);
		});
		const session = serveSession(channel, {
			device,
			editor,
			isReadOnly: options.isReadOnly ?? false,
			isNew: options.isNew ?? false,
			greeting: options.greeting,
			kill: id => channels.get(id)?.close(),
			shown: look,
			onOperation(name) {
				seen.push(name);
				arrivals.emit(name);
				const next = trouble.get(name);
				trouble.delete(name);
				return next;
			},
			cut: () => ssh.cut(),
			onLate: work => {
				late = { editor, work };
			},
		});
		// What is no NETCONF, or a fault of the simulator, ends the session: whoever waits for an answer is told.
		session.catch(() => channel.close());
	}

	const ssh = await startSshServer({
		...login,
		...(options.publicKey === undefined ? {} : { publicKey: options.publicKey }),
		onSubsystem: (name, channel) => (name === 'netconf' ? serve(channel) : channel.close()),
	});
	return {
		ssh,
		device,
		...login,
		trouble,
		seen,
		arrivals,
		finish() {
			const { editor, work } = late ?? {};
			late = undefined;
			work?.();
			if (editor && !channels.has(editor.id)) device.leave(editor);
		},
		restart() {
			device.restart();
			ssh.cut();
		},
		close: () => ssh.close(),
	};
}
