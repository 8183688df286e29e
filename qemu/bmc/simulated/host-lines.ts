import type { HostContext } from '../host.ts';
import type { PowerState } from '../power.ts';

/** What the host wrote on its serial console since it was last switched on. */
export function hostLines(
	host: Pick<HostContext, 'name' | 'identity' | 'firmwareVersion'>,
	kind: PowerState['kind'],
): readonly string[] {
	if (kind === 'Off') return [];
	const post = [
		`${host.identity.manufacturer} ${host.identity.model} firmware ${host.firmwareVersion()}`,
		'Memory test: 131072 MiB OK',
		'Processors: 2 x 32 cores',
	];
	if (kind === 'PoweringOn') return post;
	const running = [...post, 'Booting from Hdd', `${host.name} login:`];
	return kind === 'PoweringOff' ? [...running, 'Stopping all services', 'Power down'] : running;
}
