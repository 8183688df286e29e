/** What stands at the other end of a WebSocket; `watch` is the proxy's own, to look at a serial console with. */
export type ConsoleKind = 'serial' | 'kvm' | 'media' | 'watch';

/** `null` stands for any one segment. */
const paths: readonly (readonly [ConsoleKind, ...(string | null)[]])[] = [
	['serial', 'console0'],
	['serial', 'console', null],
	['kvm', 'kvm', null],
	['media', 'vm', null, null],
	['watch', 'p2c', 'v1', 'consoles', null, 'watch'],
];

/** For people: the paths that a row with the method WEBSOCKET can name. */
export const consolePathsText =
	'/console0, /console/{console}, /kvm/{kvm}, /vm/{slot}/{device} or /p2c/v1/consoles/{session}/watch';

/**
 * The kind of console at a path; undefined where there is none. A closed list, as OpenBMC serves them: what else a
 * BMC may take a WebSocket for is nobody's to open, whatever a table says.
 * @param segments undefined for one that may be anything
 */
export function consoleKindOf(segments: readonly (string | undefined)[]): ConsoleKind | undefined {
	const found = paths.find(
		([, ...path]) =>
			path.length === segments.length && path.every((name, i) => name === null || name === segments[i]),
	);
	return found?.[0];
}
