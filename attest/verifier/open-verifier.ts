import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock } from '../../common/clock.ts';
import { connectEvents } from '../../common/events/bus.ts';
import { openSecretKey } from '../../common/identity/secret-box.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { RouteDeps } from '../http/route.ts';
import { createAwayJudge } from '../judge/judge-away.ts';
import { showRegistration } from '../registrar/registrations.ts';
import type { AttestSite } from '../site.ts';
import { keysAtRegistrar, projectsAtHil } from './neighbours.ts';
import { createNonces } from './nonces.ts';
import { createNotifier } from './notifier.ts';
import { payloadBox } from './payloads.ts';
import { pushTargets } from './push-targets.ts';
import { createRetention } from './retention.ts';
import { createRounds } from './rounds.ts';
import type { VerifierDeps } from './routes.ts';
import { signingKey } from './signing-key.ts';
import { createSweeper } from './sweeper.ts';

export interface OpenVerifier {
	readonly deps: VerifierDeps;
	/** Whether revocations reach the broker. Throws where they do not. */
	readonly checks: Readonly<Record<string, () => unknown>>;
	/** Somebody may have to be told of something. */
	onTold(): void;
	/** Begins to sweep and to tell. */
	start(): void;
}

/** Opens what the verifier works with; `opened` gets what closes each part, in order. */
export async function openVerifier(
	site: AttestSite,
	settings: NonNullable<AttestSite['verifier']>,
	parts: RouteDeps & {
		readonly clock: Clock;
		readonly logger: Logger;
		/** An admission has come to its end: its node may have to be cut off. */
		readonly onRevoked: () => void;
	},
	opened: (() => unknown)[],
): Promise<OpenVerifier> {
	const { store, clock, logger } = parts;
	const secret = await openSecretKey(site.key);
	const key = signingKey(secret);
	const box = payloadBox(secret);
	const { events } = settings;
	const broker = events && accountOf(events);
	const bus = broker && connectEvents({ ...withoutNone(broker), clock, logger });
	if (bus) opened.push(() => bus.close());
	const notifier = createNotifier({ store, bus, key, clock, random: Math.random, logger });
	opened.push(() => notifier.close());
	const onRevoked = (): void => {
		notifier.wake();
		parts.onRevoked();
	};
	const retention = createRetention({ store, clock, logger, keep: settings.keepEvidence });
	opened.push(() => retention.close());
	const sweeper = createSweeper({ store, clock, logger, onRevoked });
	opened.push(() => sweeper.close());
	const away = createAwayJudge({ clock });
	opened.push(() => away.close());
	const other = settings.registrar && keysAtRegistrar(accountOf(settings.registrar));
	if (other) opened.push(() => other.close());
	const hil = settings.hil && projectsAtHil(accountOf(settings.hil));
	if (hil) opened.push(() => hil.close());
	const rounds = createRounds({
		...{ store, clock, onRevoked, box },
		random: Math.random,
		nonces: createNonces(secret, randomBytes),
		keysOfNodes: other ?? {
			registration: id => store.read(tx => showRegistration(tx, { registration: id })),
		},
		judge: away.judge,
	});
	return {
		deps: {
			...parts,
			rounds,
			box,
			onRevoked,
			projectOf: hil?.projectOf,
			mayPush: pushTargets(settings.push),
			key,
		},
		checks: bus
			? {
					broker: () => {
						if (!bus.connected()) throw new Error('there is no connection to the broker');
					},
				}
			: {},
		onTold: () => notifier.wake(),
		start() {
			sweeper.wake();
			notifier.wake();
			retention.wake();
		},
	};
}

/** The bus takes no `ca` rather than one that is undefined. */
const withoutNone = ({ ca, ...rest }: ReturnType<typeof accountOf>) => ({
	...rest,
	...(ca !== undefined && { ca }),
});

/** With what its files hold. */
const accountOf = (of: {
	readonly url: string;
	readonly ca?: string | undefined;
	readonly username: string;
	readonly password: string;
}) => ({
	url: of.url,
	username: of.username,
	ca: of.ca === undefined ? undefined : readFileSync(of.ca, 'utf8'),
	password: readFileSync(of.password, 'utf8').trim(),
});
