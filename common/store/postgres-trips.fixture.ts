/** What clients have asked of a server. */
export interface Asked {
	/** Ways there and back: whatever is sent without waiting for an answer in between is one. */
	trips: number;
	/** Statements that were carried out; several in one text are one. */
	statements: number;
}

/** Looks on at one connection that speaks PostgreSQL's protocol, version 3, and adds to `asked`. */
export function countTrips(asked: Asked): { sent(bytes: Buffer): void; answered(): void } {
	let rest: Buffer = Buffer.alloc(0);
	// Every message but the first begins with its type: Execute or Query, among others.
	let typed = 0;
	let isAnswered = true;
	return {
		sent(bytes) {
			if (isAnswered) asked.trips++;
			isAnswered = false;
			rest = Buffer.concat([rest, bytes]);
			while (rest.length >= typed + 4) {
				const length = typed + rest.readInt32BE(typed);
				if (rest.length < length) break;
				if (typed === 1 && ['E', 'Q'].includes(rest.toString('latin1', 0, 1))) asked.statements++;
				typed = 1;
				rest = rest.subarray(length);
			}
		},
		answered() {
			isAnswered = true;
		},
	};
}
