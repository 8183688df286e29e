import type { Device } from './device.ts';

/** What the host wrote on its serial console since it was last switched on. */
export function hostLines(device: Device): readonly string[] {
	const { kind } = device.power.state();
	if (kind === 'Off') return [];
	const post = [
		`${device.identity.manufacturer} ${device.identity.model} firmware ${device.state.firmware.bios_active ?? ''}`,
		'Memory test: 131072 MiB OK',
		'Processors: 2 x 32 cores',
	];
	if (kind === 'PoweringOn') return post;
	const running = [...post, 'Booting from Hdd', `${device.name} login:`];
	return kind === 'PoweringOff' ? [...running, 'Stopping all services', 'Power down'] : running;
}
