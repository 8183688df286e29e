import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import type { Agent, AgentSettings } from '../agents/agent.ts';
import { createComplianceAgent } from '../agents/compliance.ts';
import { createEmergencyAgent } from '../agents/emergency.ts';
import { createHpcAgent } from '../agents/hpc.ts';
import { createLabAgent } from '../agents/lab.ts';
import { createOpenStackAgent } from '../agents/openstack.ts';
import { createResearchersAgent } from '../agents/researchers.ts';
import type { Actor } from '../authorize/actor.ts';
import { recordServer } from '../calendar/server.ts';
import { clientOver, type MarketClient } from '../client.ts';
import { checkBook } from '../ledger/check-book.ts';
import { runMarket } from '../run-market.ts';
import { cloudLoad, createQueue, createRandom, plannedJobs, type Tally } from './demand.ts';
import { createHoldings } from './holdings.ts';
import { createLocalTransport } from './local-transport.ts';
import type { Participant, Scenario } from './scenario.ts';
import { createTransientStore } from './transient-store.ts';

/** How servers are shared. */
export type Regime = 'no sharing' | 'first come' | 'market';
export const regimes: readonly Regime[] = ['no sharing', 'first come', 'market'];

const day = 86_400;

export interface PlayedParticipant {
	readonly project: string;
	readonly servers: number;
	/** Server-seconds at work, and the microcredits that they were worth to it. */
	readonly served: number;
	readonly value: number;
	/** Undefined for those who have no jobs. */
	readonly jobs:
		| { readonly begun: number; readonly lost: number; readonly waited: readonly number[] }
		| undefined;
	/** Credits at the end of each day, what is held among them. */
	readonly credits: readonly number[];
}

export interface Played {
	readonly regime: Regime;
	readonly participants: readonly PlayedParticipant[];
	/** For each day, the share of all servers' time that was at work. */
	readonly utilisation: readonly number[];
	/** For each day, microcredits for a second of what was leased that day, in the mean; undefined when nothing was. */
	readonly prices: readonly (number | undefined)[];
	/** Leases made. */
	readonly leases: number;
	/** What is wrong with the books at the end: nothing, in a sound market. */
	readonly problems: readonly string[];
}

/**
 * Plays a scenario through on the market itself, with a clock that jumps from step to step. Without sharing, every participant has
 * a market of its own, in which nobody else is; first come, first served is the market with one price for all and credits without
 * end. `onDay` is told after each day, and gives others their turn.
 */
export async function play(
	scenario: Scenario,
	regime: Regime,
	seed: string,
	onDay: (day: number) => Promise<void> | void = () => undefined,
): Promise<Played> {
	const { days, step, participants } = scenario;
	const from = Date.parse(`${scenario.start}T00:00:00Z`) / 1000;
	const clock = new FakeClock(from * 1000);
	const groups = regime === 'no sharing' ? participants.map(each => [each]) : [participants];
	const markets: Awaited<ReturnType<typeof openMarket>>[] = [];
	for (const group of groups) markets.push(await openMarket(group, { scenario, regime, clock, from }));
	const order = createRandom(`${seed}/order`);
	const players = markets.flatMap(market =>
		market.members.map(({ participant, client }) =>
			createPlayer(participant, client, { scenario, regime, seed, from }),
		),
	);
	const all = participants.reduce((sum, { servers }) => sum + servers, 0);
	const utilisation: number[] = [];
	const prices: (number | undefined)[] = [];
	const steps = Math.round(day / step);
	for (let n = 0; n < days; n++) {
		const today = new Date(clock.now());
		if (n === 0) await Promise.all(markets.map(market => market.grant(scenario.grant, 'start')));
		else if (today.getUTCDate() === 1 && scenario.allowance > 0)
			await Promise.all(markets.map(market => market.grant(scenario.allowance, today.toISOString())));
		let busy = 0;
		for (let k = 0; k < steps; k++) {
			const now = Math.floor(clock.now() / 1000);
			// Nobody is always first.
			for (const player of shuffled(players, order)) {
				await player.agent.act(now);
				for (const market of markets) await market.idle();
			}
			for (const player of players) {
				const used = player.agent.busy(now);
				const has =
					player.participant.servers + sum(markets, each => each.holdings.gained(player.participant.project));
				if (used > has)
					throw new Error(
						`${player.participant.project} uses ${used} servers and has ${has}, at second ${now}`,
					);
				player.served += used * step;
				busy += used * step;
			}
			clock.advance(step * 1000);
			for (const market of markets) await market.idle();
		}
		utilisation.push(busy / (all * day));
		prices.push(await meanPrice(markets[0]?.members[0]?.client, from + n * day));
		for (const player of players) player.credits.push(await player.wealth());
		await onDay(n + 1);
	}
	const problems: string[] = [];
	for (const market of markets) problems.push(...(await market.close()));
	return {
		regime,
		participants: players.map(({ participant: { project, servers, worth }, served, tally, credits }) => ({
			project,
			servers,
			served,
			value: served * worth,
			jobs: tally && { begun: tally.waited.length, lost: tally.lost, waited: tally.waited },
			credits,
		})),
		utilisation,
		prices,
		leases: sum(markets, each => each.holdings.leases()),
		problems,
	};
}

const sum = <T>(all: readonly T[], of: (each: T) => number): number =>
	all.reduce((total, each) => total + of(each), 0);

function shuffled<T>(all: readonly T[], random: () => number): T[] {
	const made = [...all];
	for (let n = made.length - 1; n > 0; n--) {
		const other = Math.floor(random() * (n + 1));
		[made[n], made[other]] = [made[other] as T, made[n] as T];
	}
	return made;
}

const namesOf = ({ project, servers }: Participant): string[] =>
	Array.from({ length: servers }, (_, n) => `${project}-${String(n).padStart(5, '0')}`);

async function openMarket(
	members: readonly Participant[],
	{
		scenario: { price },
		regime,
		clock,
		from,
	}: {
		readonly scenario: Scenario;
		readonly regime: Regime;
		readonly clock: FakeClock;
		readonly from: number;
	},
) {
	const store = createTransientStore();
	const holdings = createHoldings();
	let ids = 0;
	for (const member of members) {
		const { model, attests: attestations, project: owner } = member;
		for (const name of namesOf(member))
			await store.transact(tx =>
				recordServer(tx, { name, owner, properties: { model }, attestations }, from),
			);
	}
	const running = await runMarket({
		store,
		fulfil: () => holdings,
		authenticator: { authenticate: async () => undefined },
		patience: 3600,
		clock,
		random: () => 0.5,
		newId: () => `id-${String(++ids).padStart(9, '0')}`,
		logger: silentLogger,
		version: '',
	});
	const as = (actor: Actor): MarketClient => clientOver(createLocalTransport(running.deps, actor));
	const root = as({ name: 'root', isAdmin: true, projects: new Set() });
	return {
		holdings,
		members: members.map(participant => ({
			participant,
			client: as({
				name: participant.project,
				isAdmin: false,
				projects: new Set([participant.project]),
			}),
		})),
		/** Credits for so many days of as many servers as each owns, at the price that the market opens at. */
		async grant(ownDays: number, key: string): Promise<void> {
			for (const { project, servers } of members) {
				// Credits are no matter where all goes to who comes first.
				const amount = regime === 'market' ? (servers * ownDays * day * price) / 1e6 : 1e9;
				await root.moveCredits(project, 'grant', { amount: amount.toFixed(6), key, note: '' });
			}
		},
		idle: () => running.idle(),
		async close(): Promise<string[]> {
			const problems = await store.read(checkBook);
			await running.close();
			return [...problems, ...holdings.problems()];
		},
	};
}

interface Player {
	readonly participant: Participant;
	readonly agent: Agent;
	readonly tally: Tally | undefined;
	served: number;
	readonly credits: number[];
	wealth(): Promise<number>;
}

function createPlayer(
	participant: Participant,
	client: MarketClient,
	{
		scenario,
		regime,
		seed,
		from,
	}: { readonly scenario: Scenario; readonly regime: Regime; readonly seed: string; readonly from: number },
): Player {
	const { project, servers, worth } = participant;
	const isPriced = regime === 'market';
	const settings: AgentSettings = {
		project,
		servers: namesOf(participant),
		block: Math.max(10, Math.ceil(servers / 20)),
		shortest: 3600,
		opening: scenario.price,
		floor: isPriced ? scenario.floor : 1,
		worth,
		isPriced,
		notice: scenario.notice,
	};
	// The same demand in every regime.
	const frame = { ...scenario, from, random: createRandom(`${seed}/${project}`) };
	const jobs = plannedJobs(participant, frame);
	const { queue, tally } = createQueue(jobs);
	const hasJobs = participant.kind !== 'hpc' && participant.kind !== 'openstack';
	const make = (): Agent => {
		switch (participant.kind) {
			case 'hpc':
				return createHpcAgent(client, { ...settings, most: participant.most });
			case 'openstack':
				return createOpenStackAgent(client, {
					...settings,
					demand: cloudLoad(participant, frame),
					headroom: participant.headroom,
				});
			case 'lab':
				return createLabAgent(client, { ...settings, queue });
			case 'researchers':
				return createResearchersAgent(client, { ...settings, queue, model: participant.model });
			case 'emergency':
				return createEmergencyAgent(client, { ...settings, queue, reserve: participant.reserve });
			case 'compliance':
				return createComplianceAgent(client, { ...settings, queue, attestations: participant.attests });
			default:
				return participant satisfies never;
		}
	};
	return {
		participant,
		agent: make(),
		tally: hasJobs ? tally : undefined,
		served: 0,
		credits: [],
		async wealth() {
			const { balance, held } = await client.credits(project);
			return Number(balance) + Number(held);
		},
	};
}

/** What was leased on a day cost so much, over all kinds of servers. */
async function meanPrice(client: MarketClient | undefined, from: number): Promise<number | undefined> {
	const days = (await client?.prices())?.filter(each => each.day === from) ?? [];
	const seconds = sum(days, each => Number(each.seconds));
	return seconds === 0 ? undefined : sum(days, each => Number(each.mean) * Number(each.seconds)) / seconds;
}
