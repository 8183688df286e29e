const help = `
Supported at the start of a line:
  ~.   leave the console
  ~~   send one ~
  ~?   this text
`;

/**
 * Takes what is typed, passes it on, and acts on `~` at the start of a line, as ssh(1) does ("ESCAPE CHARACTERS").
 * Returns a function that is called with the bytes as they come, in whatever pieces.
 */
export function createEscape(to: {
	readonly send: (bytes: Uint8Array) => void;
	readonly leave: () => void;
	/** Tells the user, not the console. */
	readonly say: (text: string) => void;
}): (bytes: Uint8Array) => void {
	let place: 'start' | 'tilde' | 'middle' | 'left' = 'start';
	return bytes => {
		const passed: number[] = [];
		for (const byte of bytes) {
			if (place === 'left') return;
			if (place === 'start' && byte === 0x7e) {
				place = 'tilde';
				continue;
			}
			if (place === 'tilde') {
				if (byte === 0x2e) {
					place = 'left';
					to.leave();
					return;
				}
				place = 'start';
				if (byte === 0x3f) {
					to.say(help);
					continue;
				}
				// Anything else was meant for the console, the tilde included; of two, one.
				if (byte !== 0x7e) passed.push(0x7e);
			}
			passed.push(byte);
			place = byte === 0x0d || byte === 0x0a ? 'start' : 'middle';
		}
		if (passed.length > 0) to.send(Uint8Array.from(passed));
	};
}
