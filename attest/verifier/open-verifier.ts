import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock } from '../../common/clock.ts';
import { closeAll } from '../../common/close-all.ts';
import { connectEvents } from '../../common/events/bus.ts';
import { openSecretKey } from '../../common/identity/secret-box.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Led } from '../../common/store/leadership.ts';
import type { Store } from '../../common/store/store.ts';
import type { Woken } from '../../common/woken.ts';
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
import { assertSameKey, signingKey } from './signing-key.ts';
import { createSweeper } from './sweeper.ts';

export interface OpenVerifier {
	readonly deps: VerifierDeps;
	/** Whether revocations reach the broker. Throws where they do not. */
	readonly checks: Readonly<Record<string, () => unknown>>;
	/** Somebody may have to be told of something. */
	onTold(): void;
	/** Begins to sweep, to tell and to forget: in one process of all that have the store open. */
	lead(store: Store): Led;
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
	if (store.others) await assertSameKey(store, key, site.key);
	const box = payloadBox(secret);
	const { events } = settings;
	const broker = events && accountOf(events);
	const bus = broker && connectEvents({ ...withoutNone(broker), clock, logger });
	if (bus) opened.push(() => bus.close());
	/** Where this process leads; where another one does, that one learns of it by the records. */
	let notifier: Woken | undefined;
	const onTold = (): void => notifier?.wake();
	const onRevoked = (): void => {
		onTold();
		parts.onRevoked();
	};
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
		onTold,
		lead(leading) {
			const of = { store: leading, clock, logger };
			notifier = createNotifier({ ...of, bus, key, random: Math.random });
			const sweeper = createSweeper({ ...of, onRevoked });
			const retention = createRetention({ ...of, keep: settings.keepEvidence });
			const led = [sweeper, notifier, retention];
			for (const each of led) each.wake();
			return {
				async close() {
					notifier = undefined;
					await closeAll(led.reverse().map(each => () => each.close()));
				},
			};
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
