/** Where a command goes, and as whom, by what was typed of it so far: for completion. */
export interface TypedOptions {
	readonly profile?: string;
	readonly url?: string;
	readonly user?: string;
	readonly passwordFile?: string;
	readonly ca?: string;
	readonly provisioner?: string;
	readonly attest?: string;
	readonly market?: string;
}

export function typedOptions(words: readonly string[]): TypedOptions {
	const after = (...names: string[]) => {
		const at = words.findLastIndex(word => names.includes(word));
		return at === -1 ? undefined : words[at + 1];
	};
	const given = {
		profile: after('--as', '--profile'),
		url: after('--url'),
		user: after('--user'),
		passwordFile: after('--password-file'),
		ca: after('--ca'),
		provisioner: after('--provisioner'),
		attest: after('--attest'),
		market: after('--market'),
	};
	return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
