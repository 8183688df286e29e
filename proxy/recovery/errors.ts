import { type ErrorTable, errorsOf } from '../../common/errors/error-table.ts';

/** Every code that backing up and restoring throw. None of them is answered over HTTP. */
export const recoveryErrorTable = {
	ThresholdRefused: {
		status: 400,
		meaning: 'A backup needs the shares of at least two parties, and of no more than there are.',
	},
	RecoveryKeyMissing: {
		status: 400,
		meaning: 'A party has no key to encrypt its share to. `bimetal party recovery-key` makes one.',
	},
	SiteNotContained: {
		status: 400,
		meaning: 'The site file names a folder that it stands in itself. Give what it names a folder of its own.',
	},
	ShareUnreadable: { status: 400, meaning: 'The file is no share of a backup, or was changed.' },
	ShareNotOpened: {
		status: 400,
		meaning: 'The share is still encrypted. Its party opens it with `bimetal backup open-share`.',
	},
	ShareNotYours: { status: 403, meaning: 'The share is encrypted to another key than the one given.' },
	ShareForeign: { status: 409, meaning: 'The share belongs to another backup.' },
	SharesTooFew: { status: 403, meaning: 'Fewer parties have given their share than the backup asks for.' },
	SharesWrong: {
		status: 403,
		meaning: 'The shares do not make the key of this backup: one of them was changed.',
	},
	BackupUnreadable: { status: 400, meaning: 'The file is no backup, is cut off, or was changed.' },
	BackupUnsupported: { status: 400, meaning: 'The backup is of a newer version than this program.' },
	RestoreTargetTaken: { status: 409, meaning: 'A backup is restored to a folder that is not there yet.' },
	SnapshotRefused: {
		status: 502,
		meaning: 'The running proxy could not give a snapshot of its store; its log says why.',
	},
} as const satisfies ErrorTable;

export const recoveryErrors = errorsOf(recoveryErrorTable);
