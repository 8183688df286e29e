/** One open WebSocket of the emulated BMC, as what serves it sees it. */
export interface ConsoleSocket {
	/** One binary message, as bmcweb sends them; `sent` is called when it has left this process, or never will. */
	send(bytes: Buffer, sent?: () => void): void;
	/** Called with each message, text or binary, in order. */
	onMessage(take: (bytes: Buffer) => void): void;
	/** Called once, when the socket has closed for whatever reason. */
	onClose(take: () => void): void;
	/** Ends it with a close frame; bmcweb's code is 1000, whatever has happened. */
	close(reason: string): void;
}

/** A path on which the BMC takes WebSockets. */
export interface SocketRoute {
	/** Segments; `{}` matches any one segment. */
	readonly pattern: string;
	/** Who may, in bmcweb's words: the group of the host console, or two privileges at once. */
	readonly guard: 'hostconsole' | 'components and manager';
	open(socket: ConsoleSocket, params: readonly string[]): void;
}
