import { type ErrorTable, errorsOf } from '../../common/errors/error-table.ts';

/** Every code that enrolling, releasing and looking at a BMC's doors throw. */
export const enrolErrorTable = {
	EnrolmentBusy: { status: 409, meaning: 'Another process is enrolling or releasing this BMC.' },
	EnrolmentConflict: {
		status: 409,
		meaning: 'The BMC is enrolled, or half enrolled, in another way; the message says what to do first.',
	},
	EnrolmentUnreadable: {
		status: 500,
		meaning: 'The record of an enrolment cannot be read. Restore it from a backup; do not delete it.',
	},
	NotEnrolled: {
		status: 404,
		meaning: 'The BMC was not enrolled by this site, so nothing is known to undo.',
	},
	CertificateDiffers: {
		status: 502,
		meaning:
			'The BMC shows another certificate than expected: somebody may stand in between. Nothing was sent.',
	},
	BmcLoginRefused: { status: 401, meaning: 'The BMC takes none of the passwords that could be its own.' },
	BmcRefuses: {
		status: 502,
		meaning: 'The BMC refuses a step; the message says which, and how things were left.',
	},
} as const satisfies ErrorTable;

export const enrolErrors = errorsOf(enrolErrorTable);
