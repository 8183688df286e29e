/** What to do next about a refusal of the market's, by its code: see market/errors.ts. */
export const marketHints: Readonly<Record<string, (bimetal: string) => string>> = {
	MarketUnreachable: bimetal => `is it running? '${bimetal} market -c market.yaml' starts it`,
	MarketNotTrusted: () => "give the site CA's certificate with --ca FILE",
	CreditsShort: bimetal =>
		`${bimetal} credits show — what there is; a lower --price, fewer servers, or a shorter --length`,
	NoSuchAccount: bimetal => `an administrator: ${bimetal} credits grant PROJECT AMOUNT`,
	KeyReused: () => 'another --once',
	OffersOverlap: bimetal =>
		`${bimetal} offer list — and '${bimetal} offer withdraw OFFER' for the one in the way`,
	NoServerMatches: bimetal => `${bimetal} calendar SERVER, or other --where`,
	NoSuchServer: bimetal => `${bimetal} offer list — what is offered`,
	BidRefused: bimetal => `${bimetal} bid place --help — what a bid can say`,
	NoSuchOffer: bimetal => `${bimetal} offer list`,
	NoSuchBid: bimetal => `${bimetal} bid list --all`,
	NoSuchLease: bimetal => `${bimetal} lease list --all`,
	LeaseSublet: bimetal => `${bimetal} lease recall THAT-LEASE, when the offer has a notice`,
	LeaseBegun: bimetal => `${bimetal} lease release LEASE`,
	LeaseNotBegun: bimetal => `${bimetal} lease cancel LEASE`,
	ExtensionRefused: bimetal =>
		`${bimetal} calendar SERVER — when it is free; or a new bid for the same servers: --same-as LEASE`,
};
