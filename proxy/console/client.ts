import type { WebSocket } from 'ws';
import type { Verdict } from '../decide/decide.ts';
import type { Operator } from '../operator.ts';

/** The operator's end of a handshake. */
export interface Client {
	/** The Redfish session that it came with; null for Basic and for a certificate. */
	readonly sessionId: string | null;
	/** Has the client gone meanwhile? */
	isGone(): boolean;
	/** Answers 101; to be called once. */
	accept(): WebSocket;
}

/** Under what a session, or a look at one, was decided on. */
export interface Admitted {
	readonly verdict: Verdict & { kind: 'execute' };
	/** Of what had to wait for others. */
	readonly requestId: string | null;
	/** Whose authorizations count, its operator's first. */
	readonly authorizers: readonly Operator[];
}
