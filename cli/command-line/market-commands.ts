import { type Command, Option } from 'commander';
import type { BidOptions } from '../commands/bids.ts';
import type { CalendarOptions, PricesOptions } from '../commands/market-calendar.ts';
import type { OfferOptions } from '../commands/offers.ts';
import { commandName } from '../context.ts';
import type { MarketOptions } from '../market/market-connection.ts';
import { condition, duration, moment, price, schedule } from '../market/parse.ts';
import { collect, group, positiveInteger, withExamples, withMarket } from './options.ts';
import type { Registration } from './registration.ts';

type Of<T> = MarketOptions & T;
const ofProject = 'of this project';
const forProject = 'for this project (your only one, when absent)';

/** Offers, bids, leases, credits, and the calendar that they make. */
export function addMarketCommands(program: Command, registration: Registration): void {
	addOffers(program, registration);
	addBids(program, registration);
	addLeases(program, registration);
	addCredits(program, registration);
	addCalendar(program, registration);
}

/** A moment; now when absent. */
const fromNow = (flags: string, about: string): Option =>
	new Option(flags, about).argParser(moment).default(moment('now'), 'now');

function addOffers(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/offers.ts');
	const offer = group(
		program,
		'offer',
		'Offer servers that your project does not need, and see what is offered',
	);
	const list = offer
		.command('list')
		.description('List what is offered')
		.action(run(async (options: MarketOptions) => (await load()).listOffers(context, options)));
	withExamples(withMarket(list, ofProject), [`${bimetal} offer list`]);
	const show = offer
		.command('show')
		.description('Show an offer: servers, times, terms')
		.argument('<offer>', 'its id')
		.action(run(async (id: string, o: MarketOptions) => (await load()).showOffer(context, id, o)));
	withExamples(withMarket(show, ofProject), [`${bimetal} offer show OFFER`]);
	const make = offer
		.command('make')
		.description('Offer servers by name, or all of yours that are as you say')
		.option('--server <name>', 'this one (repeatable)', collect)
		.option('--where <condition>', 'those with model=R640, memoryGib>=384, … (repeatable)', condition)
		.requiredOption(
			'--price <microcredits>',
			'the least for a second of a server; 278 is a credit an hour',
			price,
		)
		.addOption(fromNow('--from <time>', 'now, +2h, 2026-12-01, 2026-12-01T18:00Z'))
		.requiredOption('--until <time>', 'as --from', moment)
		.option('--weekly <hours>', "between those days only: 'sat,sun 08:00-20:00'")
		.option('--zone <name>', 'whose clock --weekly goes by: Europe/Berlin; UTC when absent')
		.option('--shortest <time>', 'shortest lease', duration, 3600)
		.option('--longest <time>', 'longest lease', duration, 90 * 86_400)
		.option('--to <project>', 'for this project only (repeatable)', collect)
		.option('--recall <time>', 'you may have them back after this notice', duration)
		.option(
			'--sublease [projects]',
			'who leases them may offer them on, to these (red,blue) or to all it may go to',
		)
		.option(
			'--lease <lease>',
			'out of this lease of yours, not servers of your own; all of them when none is named',
		)
		.action(run(async (options: OfferOptions) => (await load()).makeOffer(context, options)));
	withExamples(withMarket(make, forProject), [
		`${bimetal} offer make --server node1 --server node2 --until +7d --price 278`,
		`${bimetal} offer make --where model=R640 --until 2026-12-31 --weekly 'sat,sun 00:00-00:00' --zone Europe/Berlin --price 100 --recall 1h --sublease`,
		`${bimetal} offer make --lease LEASE --until +1d --price 300`,
	]);
	const withdraw = offer
		.command('withdraw')
		.description('Take an offer back; leases under it go on')
		.argument('<offer>', 'its id')
		.action(run(async (id: string, o: MarketOptions) => (await load()).withdrawOffer(context, id, o)));
	withExamples(withMarket(withdraw, ofProject), [`${bimetal} offer withdraw OFFER`]);
}

function addBids(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/bids.ts');
	const bid = group(program, 'bid', 'Bid for servers, and see why a bid is not met');
	const place = bid
		.command('place')
		.summary('Bid for servers')
		.description(
			'Bids for servers, all for the same time unless --pieces is given. Exit code 0: leased; 4: it waits; 10: it lost, and says why. Each server costs ' +
				'what its offer asks, or where the market has rounds, the price of the round.',
		)
		.option('--quantity <n>', 'how many', positiveInteger, 1)
		.option('--server <name>', 'this one (repeatable)', collect)
		.option('--where <condition>', 'those with model=R640, memoryGib>=384, … (repeatable)', condition)
		.option('--same-as <lease>', 'the very servers of an earlier lease')
		.option('--attests <name>', 'each can give this attestation (repeatable)', collect)
		.addOption(fromNow('--earliest <time>', 'begin: now, +2h, 2026-12-01, 2026-12-01T18:00Z'))
		.option('--latest <time>', 'begin then at the latest (5 minutes after --earliest, when absent)', moment)
		.option('--deadline <time>', 'be over by then', moment)
		.requiredOption('--length <time>', 'for how long: 90s, 30m, 12h, 7d, 2w', duration)
		.requiredOption(
			'--price <microcredits>',
			'the most for a second of a server; 278 is a credit an hour',
			price,
		)
		.option(
			'--pieces <time>',
			'not all at once: as many server-hours will do, on any servers at any times, each for at least so long',
			duration,
		)
		.option(
			'--lower <rule>',
			"at most so much when it begins then or later, '+2h=200', or in those hours, 'sat,sun 08:00-20:00=150' (repeatable)",
			schedule,
		)
		.option('--zone <name>', 'whose clock those hours go by: Europe/Berlin; UTC when absent')
		.option('--fewer', 'fewer servers are better than none')
		.option('--wait-until <time>', 'wait for servers until then, the credits held', moment)
		.option(
			'--image <image>',
			'have them boot from it, each from a disk of its own: NAME of yours, or PROJECT/NAME',
		)
		.option('--ssh-key <file>', 'public SSH keys that may log in then (repeatable)', collect)
		.addOption(
			new Option(
				'--attestation <by>',
				'who attests them: the provider, in its airlock, before they are yours; or your own service after that',
			).choices(['none', 'provider', 'own']),
		)
		.option('--policy <name>', "your project's policy that the provider attests them by")
		.option(
			'--awaits-payload',
			"let each in only when you have released its payload: 'attest release', when it has proven itself",
		)
		.option(
			'--network <nic:network>',
			'and what it puts them on then: NIC:NETWORK, or NIC:NETWORK:VLAN when tagged (repeatable)',
			collect,
		)
		.option('--once <key>', 'the same key again is the same bid')
		.action(run(async (options: BidOptions) => (await load()).placeBid(context, options)));
	withExamples(withMarket(place, forProject), [
		`${bimetal} bid place --quantity 4 --where model=R640 --length 12h --price 300`,
		`${bimetal} bid place --length 2d --price 200 --earliest +1d --latest +5d --wait-until +4d`,
		`${bimetal} bid place --length 8h --price 300 --latest +3d --lower +1d=200 --lower 'sat,sun 00:00-00:00=100'`,
		`${bimetal} bid place --length 12h --price 300 --image debian --ssh-key ~/.ssh/id_ed25519.pub`,
		`${bimetal} bid place --length 12h --price 300 --attestation provider --network eth0:inner`,
		`${bimetal} bid place --quantity 10 --length 24h --pieces 2h --price 150 --latest +7d --deadline +8d`,
	]);
	const list = bid
		.command('list')
		.description('List bids that wait')
		.option('--all', 'and those that wait no more')
		.action(run(async (options: Of<{ all?: boolean }>) => (await load()).listBids(context, options)));
	withExamples(withMarket(list, ofProject), [`${bimetal} bid list --all`]);
	const about = [
		['show', 'Show a bid, and what became of it', 'showBid'],
		['why', 'Tell what keeps a bid from being met', 'whyBid'],
		['withdraw', 'Let a bid wait no more: what is held for it goes back', 'withdrawBid'],
	] as const;
	for (const [name, description, work] of about) {
		const command = bid
			.command(name)
			.description(description)
			.argument('<bid>', 'its id')
			.action(run(async (id: string, o: MarketOptions) => (await load())[work](context, id, o)));
		withExamples(withMarket(command, ofProject), [`${bimetal} bid ${name} BID`]);
	}
}

function addLeases(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/leases.ts');
	const lease = group(program, 'lease', 'See what is leased, extend it, give it back, or take it back');
	const list = lease
		.command('list')
		.description('List leases to come and running: yours, and those of your servers')
		.option('--all', 'and those that are over')
		.action(run(async (options: Of<{ all?: boolean }>) => (await load()).listLeases(context, options)));
	withExamples(withMarket(list, ofProject), [`${bimetal} lease list --all`]);
	const show = lease
		.command('show')
		.description('Show a lease: servers, time, cost, and what is in its way')
		.argument('<lease>', 'its id')
		.action(run(async (id: string, o: MarketOptions) => (await load()).showLease(context, id, o)));
	withExamples(withMarket(show, ofProject), [`${bimetal} lease show LEASE`]);
	const ends = [
		['cancel', 'Give a lease up before it begins: costs nothing'],
		['release', 'Give the servers back before the end: the rest is paid in part'],
	] as const;
	for (const [change, description] of ends) {
		const command = lease
			.command(change)
			.description(description)
			.argument('<lease>', 'its id')
			.action(
				run(async (id: string, o: MarketOptions) =>
					(await load()).changeLease(context, id, { ...o, change }),
				),
			);
		withExamples(withMarket(command, ofProject), [`${bimetal} lease ${change} LEASE`]);
	}
	const extend = lease
		.command('extend')
		.description('Make a lease last longer, at its price: all of its servers or none')
		.argument('<lease>', 'its id')
		.requiredOption('--until <time>', '2026-12-01T18:00Z, or +2h from now', moment)
		.action(
			run(async (id: string, o: Of<{ until: ReturnType<typeof moment> }>) =>
				(await load()).extendLease(context, id, o),
			),
		);
	withExamples(withMarket(extend, ofProject), [`${bimetal} lease extend LEASE --until 2026-12-01T18:00Z`]);
	const recall = lease
		.command('recall')
		.description('Take your own servers back, after the notice of their offer')
		.argument('<lease>', 'its id')
		.action(run(async (id: string, o: MarketOptions) => (await load()).recallLease(context, id, o)));
	withExamples(withMarket(recall, forProject), [`${bimetal} lease recall LEASE`]);
}

function addCredits(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/credits.ts');
	const credits = group(program, 'credits', 'See what your project can spend, and where it went');
	const show = credits
		.command('show')
		.description('Show what a project has, and what is held of it')
		.action(run(async (options: MarketOptions) => (await load()).showCredits(context, options)));
	withExamples(withMarket(show, ofProject), [`${bimetal} credits show`]);
	const statement = credits
		.command('statement')
		.description('Show what came and went, oldest first')
		.action(run(async (options: MarketOptions) => (await load()).showStatement(context, options)));
	withExamples(withMarket(statement, ofProject), [`${bimetal} credits statement`]);
	const claims = credits
		.command('claims')
		.description(
			'Show what a project owes others, and they it, beyond what there was: it is paid out of what comes in',
		)
		.option('--all', 'and what is paid')
		.action(run(async (options: Of<{ all?: boolean }>) => (await load()).listClaims(context, options)));
	withExamples(withMarket(claims, ofProject), [`${bimetal} credits claims`]);
	const moves = [
		['transfer', 'Give credits to another project'],
		['grant', 'Issue credits to a project; for administrators'],
	] as const;
	for (const [move, description] of moves) {
		const command = credits
			.command(move)
			.description(description)
			.argument('<to>', 'the project')
			.argument('<amount>', 'credits: 12, or 0.25')
			.option('--note <text>', 'what it is for')
			.option('--once <key>', 'the same key again moves nothing again')
			.action(
				run(async (to: string, amount: string, o: Of<{ note?: string; once?: string }>) =>
					(await load()).moveCredits(context, [to, amount], { ...o, move }),
				),
			);
		withExamples(withMarket(command, forProject), [`${bimetal} credits ${move} blue 12`]);
	}
}

function addCalendar(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/market-calendar.ts');
	const calendar = program
		.command('calendar')
		.description('Draw how full the market is, day by day, or when one server is leased')
		.argument('[server]', 'this one')
		.addOption(fromNow('--from <time>', 'the first day'))
		.option('--days <n>', 'how many', positiveInteger, 14)
		.action(
			run(async (server: string | undefined, options: CalendarOptions) =>
				(await load()).showCalendar(context, server, options),
			),
		);
	withExamples(withMarket(calendar, ofProject), [
		`${bimetal} calendar --days 30`,
		`${bimetal} calendar node1`,
	]);
	const prices = program
		.command('prices')
		.description('Show what was leased in the last 30 days, and for how much')
		.option('--guide', 'what servers of each kind are worth instead, by a rule that is said')
		.option('--days <n>', 'so many days of guide prices', positiveInteger, 1)
		.action(run(async (options: PricesOptions) => (await load()).showPrices(context, options)));
	withExamples(withMarket(prices, ofProject), [`${bimetal} prices`, `${bimetal} prices --guide --days 30`]);
}
