/** The end of what a console has shown, up to so many bytes. */
export interface Scrollback {
	add(bytes: Buffer): void;
	/** All that is kept, oldest first. */
	whole(): Buffer;
}

/** @param limit bytes; what is older is forgotten message by message, so that no character is cut in two by us */
export function createScrollback(limit: number): Scrollback {
	const kept: Buffer[] = [];
	let size = 0;
	return {
		add(bytes) {
			kept.push(bytes);
			size += bytes.length;
			while (size > limit && kept.length > 1) size -= kept.shift()?.length ?? 0;
			const [only] = kept;
			if (size > limit && only) {
				kept[0] = only.subarray(only.length - limit);
				size = limit;
			}
		},
		whole: () => Buffer.concat(kept),
	};
}
