/** What to do next about a refusal of the market's, by its code: see market/errors.ts. */
export const marketHints: Readonly<Record<string, (bimetal: string) => string>> = {
	HilAway: () => 'the same in a minute; when it goes on, whoever runs hil: nothing was changed',
	MarketUnreachable: bimetal => `is it running? '${bimetal} market -c market.yaml' starts it`,
	MarketNotTrusted: () => "give the site CA's certificate with --ca FILE",
	CreditsShort: bimetal =>
		`${bimetal} credits show — what there is; then less of it: a lower --price, fewer servers, a shorter --length`,
	NoSuchAccount: bimetal => `an administrator: ${bimetal} credits grant PROJECT AMOUNT`,
	KeyReused: () => 'another --once',
	OffersOverlap: bimetal =>
		`${bimetal} offer list — and '${bimetal} offer withdraw OFFER' for the one in the way`,
	NoServerMatches: bimetal => `${bimetal} market servers — what they tell of themselves; then other --where`,
	NoSuchServer: bimetal => `${bimetal} market servers — those that there are`,
	BidRefused: bimetal => `${bimetal} bid place --help — what a bid can say`,
	NoSuchOffer: bimetal => `${bimetal} offer list`,
	NoSuchBid: bimetal => `${bimetal} bid list --all`,
	NoSuchLease: bimetal => `${bimetal} lease list --all`,
	NodeTaken: bimetal =>
		`${bimetal} node show NODE — whose it is; ${bimetal} node release NODE, by its project`,
	NodeNotBooted: bimetal => `${bimetal} lease show LEASE, ${bimetal} operation list — how far it came`,
	NodeNotAttested: bimetal =>
		`${bimetal} lease show LEASE, ${bimetal} attest passages list --all — what was refused`,
	AmountRefused: () => 'credits as 12 or 0.25, with six decimals at most',
	TransferRefused: bimetal => `${bimetal} credits transfer --help — from your project to another one`,
	KeyRefused: () => '--once with 1 to 200 letters, digits and signs, without spaces',
	NoSuchHold: bimetal => `${bimetal} bid list, ${bimetal} lease list — what credits are held for`,
	HoldTooSmall: bimetal => `${bimetal} credits show — what is held`,
	CreditLineInUse: bimetal =>
		`${bimetal} credits show — how far down it is; a longer line, or credits for it first`,
	TimesRefused: bimetal =>
		`${bimetal} offer make --help, ${bimetal} bid place --help — how times are written`,
	OfferRefused: bimetal => `${bimetal} offer make --help — what an offer can say`,
	NotTheOwner: bimetal =>
		`${bimetal} market servers — whose it is; --project, where you are in several; what is leased goes on with --lease`,
	ServerInUse: bimetal =>
		`${bimetal} calendar SERVER — until when; ${bimetal} offer list, ${bimetal} offer withdraw OFFER`,
	OfferWithdrawn: bimetal =>
		`${bimetal} offer make — a new one; ${bimetal} lease list, what was leased under it`,
	BidSettled: bimetal => `${bimetal} bid show BID — what became of it; ${bimetal} lease list`,
	LeaseOver: bimetal =>
		`${bimetal} lease show LEASE — how it ended; --same-as LEASE bids for its servers again`,
	SubleaseRefused: bimetal =>
		`${bimetal} lease show LEASE — its offers, and ${bimetal} offer show OFFER whom they may be leased on to`,
	RecallRefused: bimetal =>
		`${bimetal} offer show OFFER — its notice; ${bimetal} lease show LEASE — until when`,
	PageRefused: () => 'at most 1000 lines of a statement at once',
	LeaseSublet: bimetal => `${bimetal} lease recall THAT-LEASE, when the offer has a notice`,
	LeaseBegun: bimetal => `${bimetal} lease release LEASE`,
	LeaseNotBegun: bimetal => `${bimetal} lease cancel LEASE`,
	ExtensionRefused: bimetal =>
		`${bimetal} calendar SERVER — when it is free; or a new bid for the same servers: --same-as LEASE`,
};
