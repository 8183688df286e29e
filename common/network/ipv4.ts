/** An IPv4 address as a number of 32 bits; undefined for any other text. */
export function ipv4Number(text: string): number | undefined {
	if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined;
	const parts = text.split('.').map(Number);
	if (parts.some(part => part > 255)) return undefined;
	return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export const ipv4Text = (address: number): string =>
	[24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.');

/** Addresses from `first` to `last`, both of them included. */
export interface Ipv4Range {
	readonly first: number;
	readonly last: number;
}

/** An address within its network. */
export interface Ipv4Interface {
	readonly address: number;
	/** Bits of it that are the network's. */
	readonly prefix: number;
	/** The network's first and last address: itself and its broadcast. */
	readonly network: Ipv4Range;
}

/** From `10.64.0.1/24`; undefined for any other text, and for networks of less than four addresses or more than 2^16. */
export function ipv4Interface(text: string): Ipv4Interface | undefined {
	const [, host = '', bits] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
	const address = ipv4Number(host);
	const prefix = Number(bits);
	if (address === undefined || !(prefix >= 16 && prefix <= 30)) return undefined;
	const size = 2 ** (32 - prefix);
	const first = Math.floor(address / size) * size;
	const network = { first, last: first + size - 1 };
	return address === network.first || address === network.last ? undefined : { address, prefix, network };
}
