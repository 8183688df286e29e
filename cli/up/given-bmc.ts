import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { hostConsole } from '../../proxy/enrol/console.ts';
import { type EnrolOutcome, type EnrolRequest, enrolBmc } from '../../proxy/enrol/enrol.ts';
import { startPdu } from '../../qemu/pdu/pdu.ts';
import type { MachineRoom } from './machine-room.ts';

/** A BMC that somebody else made, and how one gets into it now. */
export interface GivenBmc {
	/** Its name in the site. */
	readonly name: string;
	/** Origin, https. */
	readonly url: string;
	/** SHA-256 of the certificate that it is known to have, hex. */
	readonly fingerprint: string;
	readonly username: string;
	/** Of the account at present; it is changed before anything else. */
	readonly password: string;
}

/** Faults of a BMC whose services are still coming up: enrolling is begun again, and goes on where it was. */
const stillStarting = new Set(['BmcUnreachable', 'BmcNoAnswer', 'BmcGarbage']);
/** Milliseconds between two attempts. */
const pause = 5000;

/**
 * A site of one BMC, which the real enrolment takes over: random password, pinned certificate, other doors shut. Its
 * outlet is on an emulated PDU, which knows nothing of the board and delivers what a server draws that is on.
 *
 * @param patience how long it may take until the BMC can be enrolled, in milliseconds
 */
export function givenBmc(
	bmc: GivenBmc,
	options: {
		readonly clock: Clock;
		readonly signal: AbortSignal;
		readonly patience: number;
		/** Progress of enrolling, one line a step; never a secret. */
		readonly report: (line: string) => void;
		readonly onEnrolled: (outcome: EnrolOutcome) => void;
	},
): MachineRoom {
	const { name, url, fingerprint, username, password } = bmc;
	const { clock, signal, report } = options;
	return {
		names: [name],
		what: 'broker and PDU',
		access: () => ({}),
		// An emulated ARM board takes its time; so does a real BMC that has just started.
		limits: { bmcTimeout: '60s' },
		async start({ site, events, logger }) {
			const pdu = await startPdu({
				outlets: [{ id: '1', name, serverState: () => 'On' }],
				tls: { key: site.pdu.identity.keyPem, cert: site.pdu.identity.certificatePem },
				accounts: [{ name: 'root', password: site.pdu.password, role: 'Administrator' }],
				events,
				clock,
				logger: logger.child({ part: 'pdu' }),
			});
			return { bmcs: [{ name, url }], pdu, close: () => pdu.close() };
		},
		async takeOver(siteFile) {
			const console = {
				folder: path.dirname(siteFile),
				siteFile,
				...hostConsole,
				random: randomBytes,
				clock,
				by: userInfo().username,
				report,
			};
			const wanted: EnrolRequest = {
				...{ name, url, username, password, rack: 'rack1', keep: [], accounts: 'disable' },
				trust: async shown => shown === fingerprint,
			};
			for (const until = clock.now() + options.patience; ; ) {
				try {
					return options.onEnrolled(await enrolBmc(console, wanted));
				} catch (fault) {
					const mayWait = fault instanceof BimetalError && stillStarting.has(fault.code);
					if (!mayWait || clock.now() > until || signal.aborted) throw fault;
					report(`${fault.message}; asking again`);
					await new Promise<void>(done => void clock.after(pause, done));
				}
			}
		},
	};
}
