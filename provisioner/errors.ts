import { errorsOf } from '../common/errors/error-table.ts';

/** Every way in which the provisioner turns a request away, or an operation comes to nothing. */
export const provisionerErrorTable = {
	NotLoggedIn: {
		status: 401,
		meaning: "No credential, or one that hil does not know. hil's user names and passwords are used here.",
	},
	Forbidden: { status: 403, meaning: 'This takes a right that the asker has not; the detail says which.' },
	NotThere: { status: 404, meaning: 'There is no such thing, or it is not for the asker to see.' },
	NameTaken: { status: 409, meaning: 'The project has one of this name already.' },
	NameRefused: { status: 400, meaning: 'It cannot be called that.' },
	InUse: {
		status: 409,
		meaning: 'Something else uses it: the detail says what has to be ended, detached or deleted first.',
	},
	Protected: { status: 409, meaning: 'The image is protected: take the protection off first.' },
	Ambiguous: {
		status: 409,
		meaning: 'The name means several things; the detail lists what can be said instead.',
	},
	NotReady: {
		status: 409,
		meaning: 'It is still being made, or is being removed; its operation says how that gets on.',
	},
	ImageRefused: {
		status: 422,
		meaning: 'The bytes are no image that can be taken: the detail says what is wrong with them.',
	},
	ChecksumWrong: { status: 422, meaning: 'The bytes that came are not those that the checksum is of.' },
	ImageTooLarge: { status: 413, meaning: 'It is larger than this site takes, or than was said.' },
	UploadMoved: {
		status: 409,
		meaning: 'The upload stands elsewhere than the call says: ask where (HEAD), and go on from there.',
	},
	UploadTaken: { status: 409, meaning: 'The call was ended by another one that goes on with the upload.' },
	UploadVersion: { status: 412, meaning: 'Tus-Resumable is not 1.0.0, which this service speaks.' },
	SourceRefused: {
		status: 422,
		meaning: 'The URL is not one to fetch from, or its server refuses; the detail says why.',
	},
	SourceAway: {
		status: 502,
		expose: true,
		meaning: 'The server of the URL does not answer, or broke off; it is tried again from there.',
	},
	Cancelled: { status: 409, meaning: 'The operation was ended by somebody before it was done.' },
	TooManyExports: {
		status: 429,
		meaning: 'So many images are being exported already; try again after Retry-After.',
	},
	StorageFull: { status: 507, expose: true, meaning: 'There is no room for it: delete or export something.' },
	StorageFault: {
		status: 502,
		expose: true,
		meaning: 'The storage failed; operations are tried again a few times. The detail has its words.',
	},
	PartMissing: {
		status: 503,
		expose: true,
		meaning:
			'A program that this takes is not on the machine; the detail has the command that installs it there.',
	},
	StorageAway: {
		status: 503,
		expose: true,
		meaning:
			'The storage (Ceph) does not answer; operations are tried again a few times, and go on when it is back.',
	},
	NetworkFault: {
		status: 502,
		expose: true,
		meaning:
			'A provisioning network cannot be used; the detail says why. Operations are tried again a few times.',
	},
	HilAway: { status: 503, expose: true, meaning: 'hil does not answer: who asks cannot be known.' },
} as const;

export const provisionerErrors = errorsOf(provisionerErrorTable);
