import { errorsOf } from '../../common/errors/error-table.ts';

/** What can keep a change of the policies, or break-glass, from happening. */
export const governanceErrorTable = {
	NotGoverned: {
		status: 403,
		meaning:
			'The site takes its policies unsigned, from its policy folder: nobody could check a change that comes over HTTP. Set `signed: required`.',
	},
	SignatureInvalid: {
		status: 403,
		meaning:
			'A signature is missing, or is not of the key that the agreement names. Sign again with that key.',
	},
	NotThisParty: { status: 403, meaning: 'A party’s own policies are changed by an operator of that party.' },
	BreakGlassNotAllowed: {
		status: 403,
		meaning: 'The agreement in force does not allow this party break-glass, or not so long, so often or so.',
	},
	NoSuchVersion: { status: 404, meaning: 'No such version was kept. `bimetal policy versions` lists them.' },
	NoSuchChange: {
		status: 404,
		meaning: 'There is no change of this id. `bimetal policy changes` lists them.',
	},
	NoSuchWindow: { status: 404, meaning: 'There is no break-glass window of this id.' },
	PolicyConflict: {
		status: 409,
		meaning:
			'Another version is in force than the one that the change was made from. Take that in, then sign again.',
	},
	ChangeNotWaiting: { status: 409, meaning: 'The change is decided already. Look at it.' },
	WouldLockOut: {
		status: 409,
		meaning:
			'Another party could no longer do what it can do now. Push again with `--accept-lockout` if that is meant.',
	},
	WindowOpen: {
		status: 409,
		meaning: 'The party has a break-glass window open already, or it has just ended.',
	},
	BundleInvalid: {
		status: 422,
		meaning: 'The bundle is not well formed, or its policies are not; the message says where.',
	},
	SigningKeyInvalid: {
		status: 500,
		meaning:
			'The file is no Ed25519 private key (PEM), or others may read it. `bimetal party keygen` makes one.',
	},
	VersionDamaged: {
		status: 500,
		meaning:
			'A kept version is missing or is not what its name says. Restore the state folder from a backup.',
	},
} as const;

export const governanceErrors = errorsOf(governanceErrorTable);
