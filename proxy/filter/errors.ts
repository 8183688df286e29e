import { errorsOf } from '../../common/errors/error-table.ts';

/** What can be wrong with a read once it is decided; the query codes are named as in the Base registry. */
export const filterErrorTable = {
	QueryParameterValueFormatError: {
		status: 400,
		meaning: 'The value of a query parameter is of a wrong form; the message says what would be right.',
	},
	QueryParameterOutOfRange: {
		status: 400,
		meaning: '$top or $skip is below zero, or too large a number.',
	},
	QueryCombinationInvalid: {
		status: 400,
		meaning: 'These query parameters exclude each other: send them one by one.',
	},
	QueryNotSupportedOnResource: {
		status: 400,
		meaning: 'only, $top and $skip are for collections, and the resource is none.',
	},
	AnswerTooComplex: {
		status: 502,
		expose: true,
		meaning: 'The BMC answered with more, or nested deeper, than can be filtered.',
	},
} as const;

export const filterErrors = errorsOf(filterErrorTable);
