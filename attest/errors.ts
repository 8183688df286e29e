import { errorsOf } from '../common/errors/error-table.ts';

/** Every way in which the registrar and the verifier turn a request away. Evidence that is refused is no error: it is a verdict. */
export const attestErrorTable = {
	NotLoggedIn: {
		status: 401,
		meaning: 'No credential, or one that is not known. Agents on nodes need none: their TPM is theirs.',
	},
	Forbidden: { status: 403, meaning: 'This takes a right that the asker has not; the detail says which.' },
	NotThere: { status: 404, meaning: 'There is no such thing, or it is not for the asker to see.' },
	NotEnrolled: {
		status: 404,
		meaning: 'No endorsement key is on record for the node: an administrator enrols it first.',
	},
	EnrolmentDiffers: {
		status: 409,
		meaning: 'The node is enrolled with another endorsement key. If its TPM was replaced, forget it first.',
	},
	EndorsementKeyTaken: { status: 409, meaning: 'Another node is enrolled with this endorsement key.' },
	RegistrationRefused: {
		status: 422,
		meaning: 'The keys are not those of the node’s TPM, or not fit; the detail has the refusal and its code.',
	},
	ActivationRefused: {
		status: 403,
		meaning: 'The answer is not one that the TPM could give, or comes too late. What was on record stays.',
	},
	TooMany: { status: 429, meaning: 'There are as many of these as there may be: wait until some are over.' },
	PolicyRefused: {
		status: 422,
		meaning: 'The policy is not one to judge by; the detail says what is wrong with it.',
	},
	PolicyInUse: { status: 409, meaning: 'Admissions that are open are judged by it: end them first.' },
	NodeBusy: {
		status: 409,
		meaning: 'The node has an admission that is open, or is on its way into a project: end that first.',
	},
	AdmissionOver: { status: 409, meaning: 'The admission is over, or is as it should become already.' },
	PassageOver: {
		status: 409,
		meaning: 'The node is in, just going in, or on its way out: a passage is cancelled before that.',
	},
	NothingToAttest: {
		status: 404,
		meaning: 'Nobody has asked for this node to be admitted, or no longer: the agent asks again later.',
	},
	KeysDiffer: {
		status: 409,
		meaning:
			'The node was admitted with other keys, or its registration no longer counts: it needs a new admission.',
	},
	NonceOver: {
		status: 409,
		meaning:
			'The nonce was not made here, it or a later one was answered already, or its time is over: ask for another.',
	},
	NotAttested: {
		status: 409,
		meaning: 'The node is not attested, or no longer: nothing is kept for it.',
	},
	PayloadSet: {
		status: 409,
		meaning:
			'The payload of this admission was released before, and stays as it is. If it was not you, withdraw the admission; another payload takes another admission.',
	},
	PushRefused: {
		status: 403,
		meaning: 'The verifier’s site file does not let it push there; the detail says what to write in it.',
	},
	RegistrarAway: {
		status: 503,
		expose: true,
		meaning: 'The registrar does not answer: a node’s keys cannot be known.',
	},
	JudgeAway: {
		status: 503,
		expose: true,
		meaning: 'Judging took too long or broke off: the evidence counts for nothing.',
	},
	SettingsDiffer: {
		status: 503,
		meaning:
			'Another process that runs on the same database has another airlock in its site file: give both the same, or stop that one first.',
		expose: true,
	},
	VerifierKeyDiffers: {
		status: 503,
		meaning:
			'The verifier’s key file is another one than that of the processes that share its store: copy theirs.',
	},
	HilAway: {
		status: 503,
		expose: true,
		meaning: 'hil does not answer: who asks, or whose a node is, cannot be known.',
	},
} as const;

export const attestErrors = errorsOf(attestErrorTable);
