/** Who may do what. A rule names what decides; decide.ts finds it out. Administrators may do everything. */
export type Rule =
	/** Whoever is logged in. */
	| 'any'
	| 'admin'
	/** Members of the project that the call names. */
	| 'project'
	/** Members of the server's owner. */
	| 'server'
	/** Members of the offer's project, and of those that it may go to: everybody, if to anybody. */
	| 'offer-visible'
	/** Members of the offer's project. */
	| 'offer'
	/** Members of the bid's project. */
	| 'bid'
	/** Members of the lease's project, and of the owners of its servers. */
	| 'lease-visible'
	/** Members of the lease's project. */
	| 'lease'
	/** Members of the project that the call names, which owns servers of the lease. */
	| 'lease-owner';

/** Every action of the interface. A route names one of them, or it does not compile. */
export const rules = {
	'me.show': 'any',
	'api.describe': 'any',
	'rules.show': 'any',
	// What is listed is what one may see.
	'server.list': 'any',
	'server.show': 'any',
	'server.record': 'admin',
	'server.hand-over': 'server',
	'offer.list': 'any',
	'offer.show': 'offer-visible',
	'offer.make': 'project',
	'offer.withdraw': 'offer',
	'bid.list': 'any',
	'bid.show': 'bid',
	'bid.place': 'project',
	'bid.explain': 'bid',
	'bid.withdraw': 'bid',
	'lease.list': 'any',
	'lease.show': 'lease-visible',
	'lease.cancel': 'lease',
	'lease.release': 'lease',
	'lease.extend': 'lease',
	'lease.recall': 'lease-owner',
	'credits.show': 'project',
	'credits.statement': 'project',
	'credits.claims': 'project',
	'credits.transfer': 'project',
	'credits.grant': 'admin',
	'credits.line': 'admin',
	'price.list': 'any',
	'calendar.show': 'any',
	'round.list': 'any',
	'event.list': 'any',
} as const satisfies Readonly<Record<string, Rule>>;

export type ActionName = keyof typeof rules;
