import { ZodError } from 'zod';
import { type Clock, systemClock } from '../../../common/clock.ts';
import { hilErrors } from '../../errors.ts';
import { nativelessTrunk } from '../../model/switch-kind.ts';
import { isSameState, type SwitchDriver, type SwitchTrust, type SwitchType } from '../driver.ts';
import { changeOf, type SeenPort } from './port.ts';
import { openSession, type Session } from './session.ts';
import { isDeviceName, type OpenVswitchPlace, openVswitchSettings, placeOf } from './settings.ts';

/** How often a port is looked at again because somebody else changed the switch in the middle of a change. */
const attempts = 5;

/** Open vSwitch, by its database (OVSDB, RFC 7047; vswitchd.conf.db(5)). */
export function openVswitchType({ ca }: Pick<SwitchTrust, 'ca'>, clock: Clock = systemClock): SwitchType {
	return {
		type: 'http://schema.massopencloud.org/haas/v0/switches/ovs',
		capabilities: [nativelessTrunk],
		settings: openVswitchSettings,
		secrets: ['password', 'key'],
		isPortName: isDeviceName,
		portNames: 'names of ports as ovs-vsctl list-ports shows them',
		open: given => createDriver(placeOf(given), ca, clock),
	};
}

function createDriver(place: OpenVswitchPlace, ca: string | undefined, clock: Clock): SwitchDriver {
	let session: Session | undefined;
	/** What was seen last: a change says so to the switch, which then makes it only if that is so still. */
	let last: SeenPort | undefined;
	const drop = (): void => {
		session?.close();
		session = undefined;
		last = undefined;
	};

	/**
	 * Whatever goes wrong but a refusal ends the connection: the next one begins by seeing to it that nothing comes true
	 * that was asked for over this one, and that what did is in force.
	 */
	async function using<R>(signal: AbortSignal, work: (session: Session) => Promise<R>): Promise<R> {
		signal.throwIfAborted();
		signal.addEventListener('abort', drop, { once: true });
		// The switch may have ended it long ago.
		if (session?.ovsdb.fault()) drop();
		try {
			session ??= await openSession(place, ca, clock, signal);
			return await work(session);
		} catch (fault) {
			signal.throwIfAborted();
			const named = nameFault(fault);
			if (codeOf(named) !== 'SwitchRefused') drop();
			throw named;
		} finally {
			signal.removeEventListener('abort', drop);
		}
	}

	return {
		readPort: (port, signal) =>
			using(signal, async ({ see }) => {
				last = await see(port);
				return last.state;
			}),
		setPort: (port, wanted, signal) =>
			using(signal, async ({ ovsdb, see, inForce }) => {
				for (let attempt = 1; ; attempt++) {
					const seen = last?.row.name === port ? last : await see(port);
					last = undefined;
					if (isSameState(seen.state, wanted)) return;
					const isNothing = wanted.native === null && wanted.tagged.length === 0;
					if (seen.fault !== undefined && !isNothing)
						throw hilErrors.SwitchRefused(`the switch cannot use port ${port}: ${seen.fault}`);
					try {
						await ovsdb.transact(changeOf(seen, wanted, place));
					} catch (fault) {
						if (codeOf(fault) === 'SwitchChanged' && attempt < attempts) continue;
						throw fault;
					}
					return inForce(seen.configuration + 1);
				}
			}),
		close: async () => drop(),
	};
}

/** Refused is what the database said no to; away is a switch that does not answer as one. A fault of ours stays what it is. */
function nameFault(fault: unknown): Error {
	if (!(fault instanceof Error)) return new Error(String(fault));
	if (fault instanceof ZodError) {
		const [issue] = fault.issues;
		return hilErrors.SwitchAway(`its database says what no Open vSwitch says: ${issue?.message}`, {
			cause: fault,
		});
	}
	switch (codeOf(fault)) {
		case undefined:
		case 'SwitchAway':
			return fault;
		case 'SwitchRefused':
		case 'VlanWrong':
			return hilErrors.SwitchRefused(fault.message, { cause: fault });
		default:
			return hilErrors.SwitchAway(fault.message, { cause: fault });
	}
}

/** Of ours, or of Node's own errors of sockets and TLS. */
const codeOf = (fault: unknown): string | undefined =>
	fault instanceof Error && 'code' in fault && typeof fault.code === 'string' ? fault.code : undefined;
