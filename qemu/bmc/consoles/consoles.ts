import type { ConsoleSocket, SocketRoute } from '../../redfish/socket-route.ts';
import type { Device } from '../device.ts';
import type { Medium } from '../host.ts';

/** What of a BMC is reached over WebSockets. */
export interface Consoles {
	readonly routes: readonly SocketRoute[];
	/** Open sockets by path. */
	open(): Readonly<Record<string, number>>;
	/** The medium that a client has attached. */
	medium(): Medium | undefined;
	/** The BMC restarts: whoever was connected is not any more. */
	endAll(reason: string): void;
}

// bmcweb's own limits.
const MAX_KVM = 4;
const SERIAL_SLICE = 4096;
/** Bytes of the serial line that are kept for a client that does not read them. */
const MAX_UNSENT = 64 * 1024 * 1024;

/** The serial console, the KVM and the virtual medium, as bmcweb serves them. */
export function createConsoles(device: Device): Consoles {
	const { host } = device;
	const sockets = new Map<string, Set<ConsoleSocket>>();
	let attached: Medium | undefined;

	const count = (path: string): number => sockets.get(path)?.size ?? 0;
	const keep = (path: string, socket: ConsoleSocket): void => {
		const own = sockets.get(path) ?? new Set();
		sockets.set(path, own.add(socket));
		socket.onClose(() => own.delete(socket));
	};
	const openSerial = (path: string) => (socket: ConsoleSocket) => {
		keep(path, socket);
		let unsent = 0;
		const stop = host.serial.listen(bytes => {
			// Who does not read misses what the host writes in the meantime: it waits for nobody.
			if (unsent > MAX_UNSENT) return;
			for (let at = 0; at < bytes.length; at += SERIAL_SLICE) {
				const slice = bytes.subarray(at, at + SERIAL_SLICE);
				unsent += slice.length;
				socket.send(slice, () => {
					unsent -= slice.length;
				});
			}
		});
		socket.onClose(stop);
		socket.onMessage(bytes => host.serial.type(bytes));
	};

	return {
		routes: [
			{ pattern: '/console0', guard: 'hostconsole', open: openSerial('/console0') },
			{
				pattern: '/console/{}',
				guard: 'hostconsole',
				open(socket, [id = '']) {
					// One host has one console here, which bmcweb calls default.
					if (id === 'default') openSerial('/console/default')(socket);
					else socket.close('Internal error');
				},
			},
			{
				pattern: '/kvm/0',
				guard: 'components and manager',
				open(socket) {
					if (count('/kvm/0') >= MAX_KVM) return socket.close('Max sessions are already connected');
					keep('/kvm/0', socket);
					host.serveScreen(socket);
				},
			},
			{
				pattern: '/vm/0/0',
				guard: 'components and manager',
				open(socket) {
					if (count('/vm/0/0') > 0) return socket.close('Session already exists');
					keep('/vm/0/0', socket);
					host.attachMedium(socket, medium => {
						attached = medium;
					});
				},
			},
		],
		open: () => Object.fromEntries([...sockets].map(([path, own]) => [path, own.size])),
		medium: () => attached,
		endAll(reason) {
			for (const own of sockets.values()) for (const socket of own) socket.close(reason);
		},
	};
}
