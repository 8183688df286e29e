/** What the exit code says, for scripts; `bimetal help exit-codes` prints this table. */
export const exitCodes = {
	ok: { code: 0, meaning: 'done' },
	fault: { code: 1, meaning: 'a fault: in bimetal, in the proxy or in the BMC (5xx)' },
	usage: { code: 2, meaning: 'the command line is wrong, or a file it names is' },
	denied: { code: 3, meaning: 'denied: by a party, a policy or the authorization table (403)' },
	waiting: {
		code: 4,
		meaning: 'not done yet: it waits for operators of other parties (202), or for a switch',
	},
	refused: { code: 5, meaning: 'not logged in, the session ended, or the password was refused (401)' },
	missing: { code: 6, meaning: 'not found, or hidden from you (404)' },
	unreachable: {
		code: 7,
		meaning: 'the proxy, hil, the BMC or a switch cannot be reached, or is not trusted (502-504)',
	},
	conflict: { code: 8, meaning: 'it is in use, or has changed meanwhile: state, digest or ETag (409, 412)' },
	invalid: { code: 9, meaning: 'the call itself was rejected as invalid (any other 4xx)' },
	found: {
		code: 10,
		meaning:
			'policies differ, a case of theirs fails, --strict found a warning, a switch has drifted, or a node or its evidence is no longer good',
	},
	interrupted: { code: 130, meaning: 'interrupted by Ctrl-C; a request that waits goes on waiting' },
} as const;

export type ExitName = keyof typeof exitCodes;

const byErrorCode: Readonly<Record<string, ExitName>> = {
	Usage: 'usage',
	ConfigInvalid: 'usage',
	BadProxyUrl: 'usage',
	BadPath: 'usage',
	BadUserName: 'usage',
	BadCredential: 'usage',
	NotLoggedIn: 'refused',
	CredentialRefused: 'refused',
	ProxyUnreachable: 'unreachable',
	ProxyNotTrusted: 'unreachable',
	NoAnswer: 'unreachable',
	HilUnreachable: 'unreachable',
	HilNotTrusted: 'unreachable',
	ProvisionerUnreachable: 'unreachable',
	MarketUnreachable: 'unreachable',
	MarketNotTrusted: 'unreachable',
	ProvisionerNotTrusted: 'unreachable',
	AttestUnreachable: 'unreachable',
	AttestNotTrusted: 'unreachable',
	EvidenceUnreadable: 'usage',
	EvidenceRefused: 'found',
	PayloadTooLarge: 'usage',
	OperationFailed: 'fault',
	PassageFailed: 'fault',
	ChangePending: 'waiting',
	ChangeUndone: 'fault',
	ChangeBroken: 'fault',
	BadAnswer: 'fault',
	ImageRefused: 'usage',
	MachineUnknown: 'usage',
	RedfishSilent: 'unreachable',
	DigestDiffers: 'conflict',
	Interrupted: 'interrupted',
};

/** The exit of an HTTP status from the proxy or, through it, from a BMC. */
export function exitOfStatus(status: number): ExitName {
	if (status < 400) return 'ok';
	if (status === 401) return 'refused';
	if (status === 403) return 'denied';
	if (status === 404) return 'missing';
	if (status === 409 || status === 412) return 'conflict';
	if (status === 502 || status === 503 || status === 504) return 'unreachable';
	return status < 500 ? 'invalid' : 'fault';
}

/** The exit of a fault: by its code where that says more than its status. */
export function exitOfError(code: string, status: number): ExitName {
	return byErrorCode[code] ?? exitOfStatus(status);
}

export function exitCodesHelp(): string {
	const rows = Object.values(exitCodes).map(
		({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`,
	);
	return `Exit codes of every command:\n\n${rows.join('\n')}\n`;
}
