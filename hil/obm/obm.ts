/** What HIL calls boot devices. */
export const bootDevices = ['pxe', 'disk', 'none'] as const;
export type BootDevice = (typeof bootDevices)[number];
export type PowerChange = 'on' | 'off' | 'cycle' | 'force-cycle';

/** What a node's management shows of it; boot devices that HIL has no word for are unknown. */
export interface NodeState {
	readonly power: 'on' | 'off' | 'unknown';
	readonly bootDevice: BootDevice | 'unknown';
}

/** What came of asking a management controller. */
export type ObmOutcome =
	| { readonly kind: 'done' }
	/** Another party must agree first: the request as the proxy keeps it, and who is missing. */
	| { readonly kind: 'waiting'; readonly request: string; readonly needs: string };

/** A console that is open: what it shows, until its reader's signal ends it. */
export type OpenedConsole =
	| { readonly kind: 'open'; readonly output: AsyncIterable<Uint8Array> }
	| Extract<ObmOutcome, { kind: 'waiting' }>;

/** How a request that waited has gone on. */
export type RequestState = 'waiting' | 'done' | 'failed';

/** Out-of-band management of nodes, each by its address. Whatever goes wrong is an OBMError. */
export interface Obm {
	power(uri: string, change: PowerChange): Promise<ObmOutcome>;
	state(uri: string): Promise<NodeState>;
	setBootDevice(uri: string, device: BootDevice): Promise<ObmOutcome>;
	openConsole(uri: string, signal: AbortSignal): Promise<OpenedConsole>;
	/** Of a request that waited. */
	follow(uri: string, request: string): Promise<RequestState>;
	withdraw(uri: string, request: string): Promise<void>;
	close(): Promise<void>;
}
