/**
 * Whose time a span is of: a server's own, which its owner offers, or what a lease has of the server, which its project
 * offers on. Neither names of servers nor ids of leases have an `@`.
 */
export const placeOf = (server: string, under: string | undefined): string =>
	under === undefined ? server : `${server}@${under}`;

/** The server, and the lease if there is one. */
export function partsOfPlace(place: string): { readonly server: string; readonly under: string | undefined } {
	const [server = '', under] = place.split('@');
	return { server, under };
}
