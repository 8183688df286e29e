import { randomUUID } from 'node:crypto';
import type { BidTerms, BidView, PlacedView, WhyView } from '../../market/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { nicNetwork } from '../hil/nic-network.ts';
import { type MarketOptions, projectOf, withMarket } from '../market/market-connection.ts';
import type { Moment, ScheduleMoment } from '../market/parse.ts';
import { attestationText, durationText, hourlyText, secondText } from '../market/text.ts';
import { painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { keysIn } from '../provisioner/boot-options.ts';
import { visible } from '../visible.ts';
import { printLease } from './leases.ts';
import { someOf } from './offers.ts';

export interface BidOptions extends MarketOptions {
	readonly quantity: number;
	readonly server?: readonly string[];
	readonly where?: Extract<BidTerms['servers'], { where: unknown }>['where'];
	readonly sameAs?: string;
	readonly attests?: readonly string[];
	readonly earliest: Moment;
	readonly latest?: Moment;
	readonly deadline?: Moment;
	readonly length: number;
	readonly price: string;
	readonly pieces?: number;
	readonly lower?: readonly ScheduleMoment[];
	readonly zone?: string;
	readonly fewer?: boolean;
	readonly waitUntil?: Moment;
	readonly once?: string;
	readonly image?: string;
	/** Files of public SSH keys. */
	readonly sshKey?: readonly string[];
	readonly attestation?: 'none' | 'provider' | 'own';
	readonly policy?: string;
	readonly awaitsPayload?: boolean;
	/** NIC:NETWORK or NIC:NETWORK:VLAN. */
	readonly network?: readonly string[];
}

/** `bimetal bid place`: 0 leased, 4 it waits, 10 it lost. */
export const placeBid = (context: CliContext, options: BidOptions): Promise<number> =>
	withMarket(context, options, async (client, suffix) => {
		const now = Math.floor(context.clock.now() / 1000);
		const { quantity, server, where, sameAs, attests, length, price, pieces, lower, zone, fewer, once } =
			options;
		const boot = await bootOf(context, options);
		const attestation = attestationOf(options);
		const earliest = options.earliest(now);
		const placed = await client.placeBid({
			project: await projectOf(client, options),
			quantity,
			servers: sameAs === undefined ? (server ? { names: [...server] } : { where: where ?? [] }) : { sameAs },
			attestations: [...(attests ?? [])],
			earliest,
			// A moment passes on the way.
			latest: options.latest?.(now) ?? earliest + 300,
			length,
			deadline: options.deadline?.(now) ?? null,
			highest: price,
			...(pieces !== undefined && { pieces: { shortest: pieces } }),
			...(lower && { schedule: lower.map(rule => rule(now, zone ?? 'UTC')) }),
			allOrNothing: !fewer,
			waitUntil: options.waitUntil?.(now) ?? null,
			...(boot && { boot }),
			...(attestation && { attestation }),
			key: once ?? randomUUID(),
		});
		if (options.json) printJson(context, placed);
		else printPlaced(context, placed, suffix);
		if (placed.outcome === 'leased') return 0;
		return placed.outcome === 'waiting' ? exitCodes.waiting.code : exitCodes.found.code;
	});

async function bootOf(
	context: CliContext,
	{ image, sshKey = [] }: BidOptions,
): Promise<BidTerms['boot'] | undefined> {
	if (image !== undefined) {
		const keys = await Promise.all(sshKey.map(file => keysIn(context, file)));
		return { image, ...(keys.length > 0 && { keys: keys.flat() }) };
	}
	if (sshKey.length > 0) throw usageError('keys go into what an image boots', '--image NAME');
	return undefined;
}

function attestationOf({
	attestation: by,
	policy,
	awaitsPayload,
	network = [],
}: BidOptions): BidTerms['attestation'] {
	if (by === 'provider') {
		if (network.length === 0)
			throw usageError('attested servers go on proving themselves from a network', '--network NIC:NETWORK');
		return {
			by,
			networks: network.map(nicNetwork),
			...(policy !== undefined && { policy }),
			...(awaitsPayload && { payload: true }),
		};
	}
	if (policy !== undefined || awaitsPayload || network.length > 0)
		throw usageError('it is the provider who needs them', '--attestation provider');
	return by && { by };
}

/** `bimetal bid list` */
export const listBids = (context: CliContext, options: MarketOptions & { all?: boolean }): Promise<number> =>
	withMarket(context, options, async client => {
		const project = options.all ? await projectOf(client, options) : options.project;
		const bids = await client.bids({ project, all: options.all });
		if (options.json) printJson(context, { bids });
		else if (bids.length === 0) printLine(context, 'No bid waits.');
		else
			await printTable(
				context,
				['BID', 'PROJECT', 'SERVERS', 'LENGTH', 'BEGINS', 'UP TO', 'STATE'],
				bids.map(({ id, project: of, quantity, length, earliest, highest, state, lease }) => [
					visible(id),
					visible(of),
					String(quantity),
					durationText(length),
					secondText(earliest),
					hourlyText(highest),
					lease === null ? state : visible(`lease ${lease}`),
				]),
			);
		return 0;
	});

/** `bimetal bid show BID` */
export const showBid = (context: CliContext, id: string, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async client => {
		const bid = await client.bid(id);
		if (options.json) printJson(context, bid);
		else printBid(context, bid);
		return 0;
	});

/** `bimetal bid why BID` */
export const whyBid = (context: CliContext, id: string, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async (client, suffix) => {
		const why = await client.why(id);
		if (options.json) printJson(context, why);
		else printWhy(context, why, suffix);
		return 0;
	});

/** `bimetal bid withdraw BID` */
export const withdrawBid = (context: CliContext, id: string, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async client => {
		const bid = await client.withdrawBid(id);
		if (options.json) printJson(context, bid);
		else printLine(context, `Bid ${visible(id)} is withdrawn; what was held for it is back.`);
		return 0;
	});

function printPlaced(context: CliContext, placed: PlacedView, suffix: string): void {
	switch (placed.outcome) {
		case 'leased':
			printLine(context, `Leased, as bid ${visible(placed.bid)}:\n`);
			printLease(context, placed.lease);
			for (const lease of placed.more ?? []) {
				printLine(context, '');
				printLease(context, lease);
			}
			printLine(
				context,
				`\nFollow it: ${commandName(context)} market events --follow --of ${visible(placed.lease.id)}${suffix}`,
			);
			if (placed.lease.attestation?.by === 'provider' && placed.lease.attestation.payload)
				printLine(
					context,
					`\nEach server waits, when it has proven itself, for what you release to its admission:\n  ${commandName(context)} attest passages list${suffix}\n  ${commandName(context)} attest release ADMISSION FILE --roots FILE${suffix}`,
				);
			return;
		case 'waiting':
			printLine(context, `Bid ${visible(placed.bid)} waits; the most that it could cost is held.`);
			printLine(
				context,
				`  what is in its way: ${commandName(context)} bid why ${visible(placed.bid)}${suffix}`,
			);
			return;
		case 'withdrawn':
		case 'lapsed':
			printLine(context, `Bid ${visible(placed.bid)} is ${placed.outcome} already.`);
			return;
		case 'lost':
			printLine(context, 'Lost; nothing was changed.\n');
			printWhy(context, placed, suffix);
			return;
		default:
			placed satisfies never;
	}
}

const said: Readonly<Record<keyof WhyView['obstacles'], string>> = {
	'other hardware': 'are other hardware',
	attestation: 'cannot give the attestations',
	own: 'are your own: withdraw the offer instead',
	'not for you': 'are for others',
	length: 'are not leased for so long, or not for so short a time',
	price: 'cost more',
	'not free': 'are not free then',
};

/** The line that shows what one can bid for. */
const seeOffered = (context: CliContext, suffix: string): string =>
	`${commandName(context)} market servers --offered${suffix}`;

function printWhy(context: CliContext, why: WhyView, suffix: string): void {
	const { most, seconds, obstacles, cheapest, lastRound } = why;
	if (seconds !== undefined)
		printLine(context, `In pieces, ${durationText(seconds)} of servers' time could be had, at most.`);
	const when = seconds === undefined ? 'at once, at most' : 'at some time';
	const rows = Object.entries(obstacles) as [keyof typeof said, number][];
	if (rows.length === 0) {
		const others = most === 0 ? 'Nothing of it is offered' : 'No others are offered';
		printLine(
			context,
			`Servers that could be had ${when}: ${most}. ${others}: ${seeOffered(context, suffix)}`,
		);
	} else printLine(context, `Servers that could be had ${when}: ${most}. Of the others that are offered`);
	for (const [obstacle, count] of rows) printLine(context, `  ${count} ${said[obstacle]}`);
	if (cheapest !== undefined)
		printLine(context, `A price of ${cheapest} (${hourlyText(cheapest)}) would have bought one.`);
	if (!lastRound) return;
	const { at, reason, price } = lastRound;
	const what =
		reason === 'price'
			? `the price was ${price}, which is more than it bids`
			: 'the servers went where the gains were larger';
	printLine(context, `In the round of ${secondText(at)}, ${what}.`);
}

function ruleText(rule: NonNullable<BidView['schedule']>[number]): string {
	const when =
		'after' in rule
			? `from ${secondText(rule.after)} on`
			: `${rule.days.join(',')} ${rule.from}-${rule.until} in ${visible(rule.zone)}`;
	return `${rule.highest}, ${hourlyText(rule.highest)}, when it begins ${when}`;
}

function printBid(context: CliContext, bid: BidView): void {
	const { id, project, quantity, servers, attestations, earliest, latest, length, deadline, highest } = bid;
	const which =
		'names' in servers
			? someOf(servers.names)
			: 'sameAs' in servers
				? `those of lease ${servers.sameAs}`
				: servers.where.map(({ property, op, value }) => `${property} ${op} ${value}`).join(', ');
	printFields(context, [
		['bid', painter(context)('bold', visible(id))],
		['project', visible(project)],
		[
			'servers',
			visible(`${quantity}${bid.allOrNothing ? '' : ' or fewer'}: ${which === '' ? 'any' : which}`),
		],
		...(attestations.length > 0 ? [['attests', visible(attestations.join(', '))] as const] : []),
		['begins', `${secondText(earliest)} to ${secondText(latest)}`],
		['length', durationText(length)],
		...(bid.pieces
			? [['pieces', `of at least ${durationText(bid.pieces.shortest)}, on any servers`] as const]
			: []),
		['deadline', deadline === null ? 'none' : secondText(deadline)],
		['up to', `${highest} microcredits a second, ${hourlyText(highest)}`],
		...(bid.schedule ?? []).map(rule => ['', ruleText(rule)] as const),
		['waits', bid.waitUntil === null ? 'no' : `until ${secondText(bid.waitUntil)}`],
		...(bid.attestation ? [['attested by', visible(attestationText(bid.attestation))] as const] : []),
		...(bid.boot ? [['boots from', visible(bid.boot.image)] as const] : []),
		['state', bid.lease === null ? bid.state : visible(`lease ${(bid.leases ?? [bid.lease]).join(', ')}`)],
	]);
}
