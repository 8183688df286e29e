import { errorsOf } from '../common/errors/error-table.ts';

/** Every way in which the market turns a request away. What is turned away has changed nothing. */
export const marketErrorTable = {
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
	PageRefused: { status: 400, meaning: 'A page of a statement has 1 to 1000 lines.' },
} as const;

export const marketErrors = errorsOf(marketErrorTable);
