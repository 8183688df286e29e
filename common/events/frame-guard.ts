/**
 * Watches the bytes of one MQTT connection and says whether each packet's announced length is at most
 * `limit` bytes. The broker's parser would gather up to 256 MB for a stranger before it looks at the password.
 * The frame: one byte of type, then one to four bytes of length, seven bits each (MQTT 3.1.1, 2.2.3).
 */
export function createFrameGuard(limit: number): (chunk: Uint8Array) => boolean {
	let inHeader = false;
	let length = 0;
	let shift = 0;
	let skip = 0;
	let broken = false;
	return chunk => {
		for (let index = 0; index < chunk.length && !broken; ) {
			if (skip > 0) {
				const step = Math.min(skip, chunk.length - index);
				skip -= step;
				index += step;
				continue;
			}
			const byte = chunk[index] ?? 0;
			index += 1;
			if (!inHeader) {
				inHeader = true;
				length = 0;
				shift = 0;
				continue;
			}
			length += (byte & 0x7f) * 2 ** shift;
			shift += 7;
			if (length > limit || (shift === 28 && (byte & 0x80) !== 0)) broken = true;
			if ((byte & 0x80) === 0) {
				inHeader = false;
				skip = length;
			}
		}
		return !broken;
	};
}
