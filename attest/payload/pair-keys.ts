import { createHmac } from 'node:crypto';

/** A node as IPsec knows it. */
export interface NetworkNode {
	/** As hil has it. */
	readonly name: string;
	/** IPv4, dotted. */
	readonly address: string;
}

/** What a node is given to encrypt what goes between it and its tenant's others. */
export interface NetworkKeys {
	readonly self: NetworkNode;
	readonly peers: readonly (NetworkNode & { readonly key: string })[];
}

/**
 * The keys that a node shares with each of its peers, of a secret that none of them is given: who has one node has no key of
 * two others. HMAC-SHA256 over both names in their order, in hexadecimal.
 * @param secret 32 random bytes or more, of one network
 */
export function networkKeys(
	secret: Uint8Array,
	self: NetworkNode,
	peers: readonly NetworkNode[],
): NetworkKeys {
	const keyOf = (peer: string): string => {
		const [first, second] = [self.name, peer].sort();
		return createHmac('sha256', secret).update(`bimetal ipsec 1\n${first}\n${second}\n`).digest('hex');
	};
	return { self, peers: peers.map(peer => ({ ...peer, key: keyOf(peer.name) })) };
}
