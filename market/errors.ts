import { errorsOf } from '../common/errors/error-table.ts';

/** Every way in which the market turns a request away. What is turned away has changed nothing. */
export const marketErrorTable = {
	NotLoggedIn: { status: 401, meaning: 'Log in with hil’s user name and password, or a token.' },
	Forbidden: { status: 403, meaning: 'The action takes somebody else; the detail says whom.' },
	HilAway: {
		status: 503,
		meaning: 'hil, which knows the users and has the nodes, does not answer as it should: try again later.',
		expose: true,
	},
	SettingsDiffer: {
		status: 503,
		meaning:
			'Another market that runs on the same database was told otherwise in its site file: give both the same, or stop that one first.',
		expose: true,
	},
	NodeTaken: {
		status: 409,
		meaning: 'A leased server is another project’s in hil: its owner has to release it there.',
	},
	NodeNotBooted: {
		status: 502,
		meaning:
			'A leased server does not boot from the image that was bid for; the lease says what is in the way.',
		expose: true,
	},
	NodeNotAttested: {
		status: 502,
		meaning: 'A leased server did not come through the airlock; the lease says what is in the way.',
		expose: true,
	},
	AmountRefused: {
		status: 400,
		meaning: 'It is no amount of credits: more than nothing, at most 10^12, with up to six decimals.',
	},
	TransferRefused: {
		status: 400,
		meaning: 'Credits cannot go that way; the detail says which way they can.',
	},
	KeyRefused: {
		status: 400,
		meaning: 'An idempotency key is 1 to 200 printable ASCII characters, without spaces.',
	},
	KeyReused: {
		status: 409,
		meaning: 'The idempotency key belongs to another request already. Take a new one for each request.',
	},
	NameRefused: { status: 400, meaning: 'It cannot be called that.' },
	NoSuchAccount: {
		status: 404,
		meaning: 'The project has no account here. One is opened when it first gets credits.',
	},
	NoSuchHold: { status: 404, meaning: 'No credits are held under this id.' },
	HoldTooSmall: { status: 409, meaning: 'Less is held than was to be taken; the detail says how much.' },
	CreditsShort: {
		status: 409,
		meaning: 'The account has not that much, even with its credit line; the detail says what it has.',
	},
	CreditLineInUse: {
		status: 409,
		meaning: 'The account is further down than the new credit line would let it be.',
	},
	TimesRefused: {
		status: 400,
		meaning: 'The times mean none that can be leased; the detail says what is wrong with them.',
	},
	OfferRefused: { status: 400, meaning: 'The offer cannot be as it says; the detail has what to change.' },
	NoSuchServer: { status: 404, meaning: 'The market has no server of this name.' },
	NoServerMatches: { status: 409, meaning: 'No server of the project is as the query says.' },
	NotTheOwner: { status: 403, meaning: 'The server is not this project’s: only its owner can offer it.' },
	ServerInUse: {
		status: 409,
		meaning: 'The server is offered or leased: withdraw the offer, or wait for the end of the lease.',
	},
	OffersOverlap: {
		status: 409,
		meaning: 'The project offers the server at that time already; the detail says in which offer.',
	},
	NoSuchOffer: { status: 404, meaning: 'There is no such offer, or it is another project’s.' },
	OfferWithdrawn: { status: 409, meaning: 'The offer was withdrawn. What was leased under it goes on.' },
	BidRefused: { status: 400, meaning: 'The bid asks for what cannot be; the detail has what to change.' },
	NoSuchBid: {
		status: 404,
		meaning: 'There is no such bid of the project’s. One that lost on arrival is not kept.',
	},
	BidSettled: {
		status: 409,
		meaning: 'The bid waits no more: it became a lease, was withdrawn or has lapsed.',
	},
	NoSuchLease: { status: 404, meaning: 'There is no such lease of the project’s.' },
	LeaseBegun: { status: 409, meaning: 'The lease has begun: it can no longer be cancelled for nothing.' },
	LeaseNotBegun: { status: 409, meaning: 'The lease has not begun: cancel it, which costs nothing.' },
	LeaseOver: { status: 409, meaning: 'The lease was cancelled, has failed, or is over and paid for.' },
	ExtensionRefused: {
		status: 409,
		meaning: 'The lease cannot last longer: a server is not offered or not free then, or not for so long.',
	},
	SubleaseRefused: {
		status: 409,
		meaning: 'It cannot be leased on like that: an offer further up does not allow it; the detail says what.',
	},
	LeaseSublet: {
		status: 409,
		meaning:
			'Others have servers of the lease: recall them, or wait for the end of the sublease that is named.',
	},
	RecallRefused: {
		status: 409,
		meaning: 'Nothing can be recalled: the offer says so, or the servers go back sooner anyway.',
	},
	PageRefused: { status: 400, meaning: 'A page of a statement has 1 to 1000 lines.' },
} as const;

export const marketErrors = errorsOf(marketErrorTable);
