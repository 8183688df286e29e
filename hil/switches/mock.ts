import { z } from 'zod';
import type { PortState } from '../core/actions.ts';
import { hilErrors } from '../errors.ts';
import { nativelessTrunk } from '../model/switch-kind.ts';
import type { SwitchDriver, SwitchType } from './driver.ts';

/** A switch in memory: what HIL can be tried with without one. Its ports forget everything when the process ends. */
export interface MockSwitch {
	readonly ports: Map<string, PortState>;
	/** How often a port was set. */
	changes: number;
	/** What goes wrong; thrown by a call before it does anything, or by `half` in the middle of it. */
	trouble?: MockTrouble | undefined;
}

export type MockTrouble =
	| { readonly kind: 'away' }
	| { readonly kind: 'refuses'; readonly reason: string }
	/** Takes the old VLANs off, puts none on, and says so. */
	| { readonly kind: 'half' }
	/** Does all of it, and says no. */
	| { readonly kind: 'lies' }
	/** Says yes and does nothing. */
	| { readonly kind: 'deaf' }
	/** Does not answer until the call is given up. */
	| { readonly kind: 'hangs' }
	/** Not a fault of switches at all. */
	| { readonly kind: 'bug' };

const nothing: PortState = { native: null, tagged: [] };
const settings = z.strictObject({
	hostname: z.string().min(1),
	username: z.string(),
	password: z.string(),
});

/** Every mock switch by its host name, so that two connections to one see the same ports. */
export interface MockSwitches {
	readonly type: SwitchType;
	at(hostname: string): MockSwitch;
}

export function createMockSwitches(): MockSwitches {
	const switches = new Map<string, MockSwitch>();
	const at = (hostname: string): MockSwitch => {
		const known = switches.get(hostname) ?? { ports: new Map(), changes: 0 };
		switches.set(hostname, known);
		return known;
	};
	const isPortName = (name: string) => /^(gi|te)\d+\/\d+(\/\d+)?$/.test(name);
	return {
		at,
		type: {
			type: 'http://schema.massopencloud.org/haas/v0/switches/mock',
			capabilities: [nativelessTrunk],
			settings,
			secrets: ['password'],
			isPortName,
			portNames: 'gi1/0/1, te1/2 and the like',
			open: given => openMock(at(settings.parse(given).hostname), isPortName),
		},
	};
}

function openMock(mock: MockSwitch, isPortName: (name: string) => boolean): SwitchDriver {
	const check = async (port: string, signal: AbortSignal): Promise<void> => {
		signal.throwIfAborted();
		const { trouble } = mock;
		if (trouble?.kind === 'away') throw hilErrors.SwitchAway('the mock switch is away');
		if (trouble?.kind === 'bug') throw new TypeError('undefined is not a port');
		if (trouble?.kind === 'hangs') {
			await new Promise((_, reject) => {
				signal.addEventListener('abort', () => reject(signal.reason), { once: true });
			});
		}
		if (!isPortName(port)) throw hilErrors.SwitchRefused(`the mock switch has no port ${port}`);
	};
	return {
		async readPort(port, signal) {
			await check(port, signal);
			return mock.ports.get(port) ?? nothing;
		},
		async setPort(port, wanted, signal) {
			await check(port, signal);
			const { trouble } = mock;
			if (trouble?.kind === 'refuses') throw hilErrors.SwitchRefused(trouble.reason);
			if (trouble?.kind === 'deaf') return;
			mock.changes++;
			mock.ports.set(port, nothing);
			if (trouble?.kind === 'half') throw hilErrors.SwitchRefused('% Incomplete command.');
			mock.ports.set(port, { native: wanted.native, tagged: [...wanted.tagged] });
			if (trouble?.kind === 'lies') throw hilErrors.SwitchRefused('% Error');
		},
		close: async () => undefined,
	};
}
