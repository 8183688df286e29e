import { type Clock, systemClock } from '../../../common/clock.ts';
import type { PortState } from '../../core/actions.ts';
import { hilErrors } from '../../errors.ts';
import { nativelessTrunk } from '../../model/switch-kind.ts';
import {
	describeState,
	isSameState,
	type SwitchDriver,
	type SwitchTrust,
	type SwitchType,
} from '../driver.ts';
import { childOf, type XmlElement, xml } from '../netconf/xml.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import { sshAddress } from '../transport/ssh-host.ts';
import { createConnection, type JunosConnection, type JunosSession } from './connection.ts';
import { hardwareVlans } from './hardware-state.ts';
import { portChange } from './port-change.ts';
import { isShutWithUnits, portStateOf } from './port-configuration.ts';
import { isPortName, junosSettings, netconfPort } from './settings.ts';

/** Juniper's EX and QFX switches with Enhanced Layer 2 Software, by NETCONF. */
export function createJunos(trust: Pick<SwitchTrust, 'knownHosts'>, clock: Clock = systemClock): SwitchType {
	const knownHosts = parseKnownHosts(trust.knownHosts ?? '');
	return {
		type: 'http://schema.massopencloud.org/haas/v0/switches/junos',
		capabilities: [nativelessTrunk],
		settings: junosSettings,
		secrets: ['password', 'private_key'],
		isPortName,
		portNames: 'ge-0/0/1, xe-0/1/0, et-0/0/48:1, ae0 and the like',
		open(given) {
			const { hostname, username, password, private_key: privateKey } = junosSettings.parse(given);
			const { host, port } = sshAddress(hostname, netconfPort);
			return openJunos(createConnection({ host, port, username, password, privateKey, knownHosts }), clock);
		},
	};
}

const nothing: PortState = { native: null, tagged: [] };
const target = xml('target', [xml('candidate')]);
/** In ms: the small ones of the line take half a minute for a commit alone. */
const patience = 180_000;
/** In ms: between two looks at the hardware, which follows a commit after a moment. */
const betweenLooks = 250;
/** Of the hardware, while it shows something else than what is configured. */
const looks = 20;
/** While it does not show the port at all: it may have no transceiver in it, and never show. */
const looksForPort = 4;
/** What the hardware does with a port: by the RPC, and where that is called otherwise, by the command for people. */
const hardwareRequests = (unit: string): readonly XmlElement[] => [
	xml('get-ethernet-switching-interface-information', [xml('interface-name', unit)]),
	xml('command', `show ethernet-switching interface ${unit}`, { format: 'xml' }),
];

/**
 * A change is made in the candidate, under its lock, looked at there, and committed: as a whole or not at all. The
 * lock is what makes a commit safe that was given up and that the switch may still be doing: nobody gets the lock
 * before that is over, and no port is set without it. Commits are not of the confirmed kind, which the switch undoes
 * by itself when nobody confirms: it would undo, minutes after a crash, what was seen and recorded by then.
 */
function openJunos(connection: JunosConnection, clock: Clock): SwitchDriver {
	const { refusal } = connection;
	const committed = { database: 'committed', inherit: 'inherit' };

	async function configuration(
		session: JunosSession,
		port: string,
		attributes: Readonly<Record<string, string>>,
	): Promise<XmlElement> {
		const wanted = [xml('interfaces', [xml('interface', [xml('name', port)])]), xml('vlans')];
		const request = xml('get-configuration', [xml('configuration', wanted)], attributes);
		const found = childOf(await session.ask(request), 'configuration');
		if (!found) throw connection.away('shows no configuration');
		return found;
	}

	/** Undefined when the hardware does not show the port. */
	async function hardware(session: JunosSession, port: string): Promise<ReadonlySet<number> | undefined> {
		let refused: unknown;
		for (const request of hardwareRequests(`${port}.0`)) {
			try {
				const vlans = hardwareVlans(await session.ask(request), port);
				if (typeof vlans === 'string') throw refusal(vlans);
				return vlans;
			} catch (fault) {
				if (!/syntax error/.test((fault as Error).message)) throw fault;
				refused = fault;
			}
		}
		throw refused;
	}

	const pause = (signal: AbortSignal): Promise<void> =>
		new Promise((resolve, reject) => {
			const stop = (act: () => void): void => {
				cancel();
				signal.removeEventListener('abort', giveUp);
				act();
			};
			const giveUp = (): void => stop(() => reject(signal.reason));
			const cancel = clock.after(betweenLooks, () => stop(resolve));
			signal.addEventListener('abort', giveUp);
		});

	const notOurs = (port: string, why: string): Error =>
		refusal(
			`port ${port} is left as it is: ${why}. Take that off it, or out of the groups and ranges it is in`,
		);

	function check(port: string): void {
		if (!isPortName(port)) throw refusal(`it has no port '${port}'`);
	}

	/** What is to be committed lets exactly that pass, with all that the port inherits. */
	async function checkCandidate(session: JunosSession, port: string, wanted: PortState): Promise<void> {
		const state = portStateOf(await configuration(session, port, { inherit: 'inherit' }), port);
		if (typeof state === 'string') throw notOurs(port, state);
		if (isSameState(state, wanted)) return;
		throw refusal(
			`port ${port} would carry ${describeState(state)} instead of ${describeState(wanted)}, because of groups or ranges it is in`,
		);
	}

	return {
		async readPort(port, signal) {
			check(port);
			const session = await connection.session(signal);
			const config = await configuration(session, port, committed);
			const state = portStateOf(config, port);
			if (typeof state === 'string') throw notOurs(port, state);
			// The hardware may go on showing VLANs of a port that somebody has only disabled.
			if (isShutWithUnits(config, port)) return state;
			const expected = [...(state.native === null ? [] : [state.native]), ...state.tagged];
			for (let look = 1; ; look++) {
				const vlans = await hardware(session, port);
				if (vlans ? isSameSet(vlans, expected) : expected.length === 0 || look >= looksForPort) return state;
				if (look >= looks) {
					throw hilErrors.SwitchDeaf(
						`port ${port} is configured to carry ${describeState(state)}, and its hardware has VLANs ${[...(vlans ?? [])].join(', ') || 'none'}`,
					);
				}
				await pause(signal);
			}
		},
		patience,
		async setPort(port, wanted, signal) {
			check(port);
			const session = await connection.session(signal);
			try {
				await session.order(xml('lock', [target]));
			} catch (fault) {
				// If it has the lock all the same, that ends with the session.
				await connection.drop();
				throw fault;
			}
			try {
				const own = await configuration(session, port, {});
				const effective = await configuration(session, port, { inherit: 'inherit' });
				const state = portStateOf(effective, port);
				// Whatever stands there: shut, it passes nothing.
				if (typeof state === 'string' && !isSameState(wanted, nothing)) throw notOurs(port, state);
				const change = portChange(own, effective, port, wanted);
				if (typeof change === 'string') throw refusal(change);
				const config = xml('config', [xml('configuration', change)]);
				await session.order(xml('edit-config', [target, config]));
				await checkCandidate(session, port, wanted);
				await session.order(xml('commit'));
			} catch (fault) {
				await giveBack(session);
				throw fault;
			}
			try {
				await session.order(xml('unlock', [target]));
			} catch (fault) {
				// It is done. With the session ends its lock.
				await connection.drop();
				if (signal.aborted) throw fault;
			}
		},
		close: () => connection.close(),
	};

	/** Leaves the candidate as it was. If that cannot be, the session ends, and the switch does it. */
	async function giveBack(session: JunosSession): Promise<void> {
		try {
			await session.order(xml('discard-changes'));
			await session.order(xml('unlock', [target]));
		} catch {
			await connection.drop();
		}
	}
}

const isSameSet = (a: ReadonlySet<number>, b: readonly number[]): boolean =>
	a.size === b.length && b.every(each => a.has(each));
