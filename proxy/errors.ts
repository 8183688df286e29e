import { errorsOf } from '../common/errors/error-table.ts';

/** Every way in which the proxy turns a request away after it was canonicalised (before: canonicalise/refusals.ts). */
export const proxyErrorTable = {
	PropertyNotWritable: {
		status: 400,
		meaning: 'The property of the proxy’s own resource cannot be set. The message says which ones can.',
	},
	PropertyValueOutOfRange: {
		status: 400,
		meaning: 'The value of a property is out of range; the message says which would be in it.',
	},
	Unauthenticated: {
		status: 401,
		meaning: 'No credential, or a wrong one. Log in as an operator of a party.',
	},
	UnknownOperation: {
		status: 403,
		meaning: 'No row of the authorization table covers the request. The message names the row to write.',
	},
	PolicyDenied: {
		status: 403,
		meaning:
			'No clause of the row can be satisfied now. Wait until the named policy holds, or ask the party that wrote it.',
	},
	RequestDenied: {
		status: 403,
		meaning: 'Another party denied the request, or a policy did when it was to be executed.',
	},
	NotNeeded: { status: 403, meaning: 'The request does not wait for this party.' },
	NotYours: { status: 403, meaning: 'Only the requester can withdraw a request. Deny it instead.' },
	SignatureRequired: {
		status: 403,
		meaning: 'The decision must carry the signature of its operator. `bimetal operator keygen` makes a key.',
	},
	SignatureRefused: {
		status: 403,
		meaning: 'The signature is not the operator’s, of something else, or of another time. Sign again.',
	},
	NotFound: { status: 404, meaning: 'There is no such resource, or a policy hides it.' },
	UnknownBmc: { status: 404, meaning: 'The address names no BMC of this site. `bimetal bmcs` lists them.' },
	NoSuchRequest: { status: 404, meaning: 'There is no request of this id. `bimetal requests` lists them.' },
	NoSuchConsole: {
		status: 404,
		meaning:
			'There is no console session of this id, or it is not yours to see. `bimetal console --list` lists them.',
	},
	MethodNotAllowed: { status: 405, meaning: 'The resource does not offer this method.' },
	UploadTooSlow: {
		status: 408,
		meaning: 'The image did not arrive in time. Upload it again over a faster way.',
	},
	ConsoleEnded: { status: 409, meaning: 'The console session has ended already.' },
	NotWatched: { status: 409, meaning: 'Only a serial console that is open can be watched.' },
	RequestNotWaiting: { status: 409, meaning: 'The request is decided already. Look at it.' },
	AlreadyAuthorized: {
		status: 409,
		meaning: 'The party has authorized this request; it waits for another one.',
	},
	DigestMismatch: {
		status: 409,
		meaning: 'The approval names another request than the one that waits. Look again before approving.',
	},
	NoSuchBmc: { status: 409, meaning: 'The BMC that the request is for is no longer part of the site.' },
	ImageGone: {
		status: 409,
		meaning: 'The image of the request is no longer kept, or not as it was received. Upload it again.',
	},
	RequestWithdrawn: { status: 410, meaning: 'Its requester has withdrawn it.' },
	RequestExpired: { status: 410, meaning: 'Nobody approved it in time. Make it again.' },
	PreconditionFailed: {
		status: 412,
		meaning: 'If-Match names another state of the resource than its present one. Read it again.',
	},
	ImageTooLargeForBmc: {
		status: 413,
		meaning: 'The BMC says that it takes no image of this size (MaxImageSizeBytes): nothing was sent to it.',
	},
	TooManyWaiting: {
		status: 429,
		meaning: 'The operator has as many requests waiting as the site allows. Withdraw some.',
	},
	BmcBusy: {
		status: 503,
		expose: true,
		meaning: 'Too many requests of this party wait for the BMC already. Wait, and ask for less at once.',
	},
	TooManyRequests: {
		status: 429,
		expose: true,
		meaning:
			'The operator, or the party, sends more requests a second than the site allows. Wait as Retry-After says.',
	},
	TooMuchAtOnce: {
		status: 503,
		expose: true,
		meaning:
			'The operator, or the party, has too many requests under way or answers unread. Finish some first.',
	},
	InternalError: { status: 500, meaning: 'A fault of the proxy; its log has it.' },
	NotOffered: {
		status: 501,
		expose: true,
		meaning: 'The proxy does not offer it in this way; the message says in which.',
	},
	BmcUnreachable: {
		status: 502,
		expose: true,
		meaning: 'The BMC cannot be reached: certainly nothing was executed.',
	},
	BmcGarbage: {
		status: 502,
		expose: true,
		meaning: 'The BMC answered what cannot be used: the request may have been executed. Look.',
	},
	ConsoleRefused: {
		status: 502,
		expose: true,
		meaning:
			'The BMC does not open the console: certainly nothing was opened. The message has what it answered.',
	},
	ConsolesFull: {
		status: 503,
		expose: true,
		meaning: 'As many consoles of this BMC are open as the site allows. End one, or wait.',
	},
	AuditUnavailable: {
		status: 503,
		expose: true,
		meaning: 'Decisions cannot be recorded, so none is made. See to the disk of the audit log.',
	},
	NotExecuted: {
		status: 503,
		expose: true,
		meaning:
			'The proxy stopped, or could not note that it was sending: certainly nothing was executed. Make it again.',
	},
	SpoolFull: {
		status: 503,
		expose: true,
		meaning:
			'As many images wait as the site keeps at once (limits.uploads). Wait until some are decided on.',
	},
	BmcNoAnswer: {
		status: 504,
		expose: true,
		meaning: 'No answer came: the request may have been executed. Look before repeating it.',
	},
	OutcomeUnknown: {
		status: 504,
		expose: true,
		meaning: 'The proxy stopped while the request was being sent: it may have been executed. Look.',
	},
	DiskFull: {
		status: 507,
		expose: true,
		meaning: 'The disk of the proxy has no room for the image. Nothing of it is kept. See to the disk.',
	},
} as const;

export const proxyErrors = errorsOf(proxyErrorTable);
