import { connect } from 'node:net';
import type { Qemu } from '../machine/start-qemu.ts';
import type { ConsoleSocket } from '../redfish/socket-route.ts';
import { FILES } from './machine-arguments.ts';

/** Joins a client with QEMU's own VNC server, which speaks RFB (RFC 6143) as bmcweb's clients do. */
export function serveVnc(socket: ConsoleSocket, qemu: Pick<Qemu, 'pid'> | undefined): void {
	if (!qemu) {
		socket.close('the host is off');
		return;
	}
	// By its process's folder, for a path of our own may be too long for a UNIX socket.
	const vnc = connect(`/proc/${qemu.pid}/cwd/${FILES.screenSocket}`);
	vnc.on('data', bytes => {
		// QEMU waits with its next picture for who is slow.
		vnc.pause();
		socket.send(bytes, () => vnc.resume());
	});
	vnc.on('error', () => undefined);
	let isOpen = true;
	vnc.on('close', () => {
		if (isOpen) socket.close('the host went off');
	});
	socket.onMessage(bytes => void vnc.write(bytes));
	socket.onClose(() => {
		isOpen = false;
		vnc.destroy();
	});
}
