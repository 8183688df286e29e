import { readFileSync } from 'node:fs';
import type { Clock } from '../../common/clock.ts';
import { createEndings } from '../../common/endings.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Lead, Led } from '../../common/store/leadership.ts';
import { createHilClient } from '../../hil/client.ts';
import { createProvisionerClient } from '../../provisioner/client.ts';
import type { AttestRoute, RouteDeps } from '../http/route.ts';
import { passages } from '../model/passage.ts';
import type { AttestSite } from '../site.ts';
import { createAirlockImage } from './airlock-image.ts';
import { checkedCalls } from './checked-calls.ts';
import { createChores } from './chores.ts';
import { createMover, type Mover } from './mover.ts';
import { createNodeAtHil } from './node-at-hil.ts';
import { passageRoutes } from './routes.ts';
import type { AirlockSettings, Boot } from './settings.ts';
import { createSteps } from './steps.ts';

type Site = NonNullable<AttestSite['airlock']>;

export interface OpenAirlock {
	/** There may be something to do for the mover. */
	wake(): void;
	/** Throws, naming the node, while one cannot be cut off. */
	check(): void;
	/** Begins to move nodes: in one process of all that have the store open. */
	lead(lead: Lead): Led;
	/** Answers those who wait for a passage to get on. */
	endWaiting(): void;
	readonly routes: readonly AttestRoute[];
}

/** Milliseconds that hil or the provisioner may take for one call: a node may be waiting to be taken off its networks. */
const timeout = 10_000;

/** Opens what brings nodes through the airlock; `opened` gets what closes each part, in order. */
export function openAirlock(
	site: Site,
	parts: RouteDeps & {
		readonly clock: Clock;
		readonly logger: Logger;
		readonly newId: () => string;
		/** Somebody may have to be told of something. */
		readonly onTold: () => void;
	},
	opened: (() => unknown)[],
): OpenAirlock {
	const { store, clock, logger, newId, onTold } = parts;
	const client = createHilClient({ ...accountOf(site.hil), timeout });
	opened.push(() => client.close());
	const hil = createNodeAtHil(client);
	const { project, network: networks, nic, rejected } = site;
	const settings: AirlockSettings = { project, networks, nic, rejected, boot: bootOf(site, opened) };
	const endings = createEndings(clock);
	/** Where this process leads. */
	let mover: Mover | undefined;
	const wake = (): void => mover?.wake();
	store.others?.follow([passages], written => {
		if (written === 'unknown') endings.close();
		else for (const { id } of written) endings.tell(id);
		wake();
	});
	return {
		wake,
		check: () => mover?.check(),
		lead({ store: leading, check }) {
			const led = checkedCalls(hil, check);
			const { boot } = settings;
			const checked = boot.by === 'provisioner' ? { ...boot, image: checkedCalls(boot.image, check) } : boot;
			const of = { store: leading, hil: led, settings: { ...settings, boot: checked }, clock };
			const begun = createMover({
				...{ ...of, newId, logger, random: Math.random },
				steps: createSteps(of),
				chores: createChores(of),
				onChange(id) {
					endings.tell(id);
					onTold();
				},
			});
			mover = begun;
			begun.wake();
			return {
				async close() {
					mover = undefined;
					await begun.close();
				},
			};
		},
		endWaiting: () => endings.close(),
		routes: passageRoutes({ ...parts, hil, settings, endings, wake }),
	};
}

function bootOf({ boot, project }: Site, opened: (() => unknown)[]): Boot {
	if (boot === 'by hand') return { by: 'hand' };
	if ('device' in boot) return { by: 'device', device: boot.device };
	const client = createProvisionerClient({ ...accountOf(boot.provisioner), timeout });
	opened.push(() => client.close());
	return { by: 'provisioner', image: createAirlockImage(client, { project, image: boot.image }) };
}

const accountOf = ({ url, ca, username, password }: Site['hil']) => ({
	...{ url, username, ca: ca === undefined ? undefined : readFileSync(ca, 'utf8') },
	password: readFileSync(password, 'utf8').trim(),
});
