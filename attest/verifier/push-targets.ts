import { ipv4Number } from '../../common/network/ipv4.ts';

/** Where a site lets its verifier push: `web.lab`, `10.0.0.7:8080`, or the addresses of a network, `10.64.0.0/16`. */
export function pushTargets(rules: readonly string[]): (url: string) => boolean {
	return text => {
		const { protocol, hostname, host, username, password } = new URL(text);
		if (!/^https?:$/.test(protocol) || username !== '' || password !== '') return false;
		const address = ipv4Number(hostname);
		return rules.some(rule => {
			const [, network = '', bits] = /^([\d.]+)\/(\d{1,2})$/.exec(rule) ?? [];
			if (bits === undefined) return rule === hostname || rule === host;
			const first = ipv4Number(network);
			const size = 2 ** (32 - Number(bits));
			return (
				first !== undefined &&
				address !== undefined &&
				Math.floor(address / size) === Math.floor(first / size)
			);
		});
	};
}
