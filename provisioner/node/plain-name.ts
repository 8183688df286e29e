/**
 * A node's name where only lower case letters, digits, dots and dashes can stand (RFC 3722, for names of initiators):
 * itself if it can, else its bytes in hex.
 */
export const plainName = (node: string): string =>
	/^(?!hex\.)[a-z0-9.-]{1,60}$/.test(node) ? node : `hex.${Buffer.from(node, 'utf8').toString('hex')}`;
