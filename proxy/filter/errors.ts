import { errorsOf } from '../../common/errors/error-table.ts';

/** What can be wrong with a read once it is decided; the query codes are named as in the Base registry. */
export const filterErrorTable = {
	QueryParameterValueFormatError: {
		status: 400,
		meaning: 'The value of a query parameter is of a wrong form; the message says what would be right.',
	},
	QueryParameterOutOfRange: {
		status: 400,
		meaning: 'A number in a query parameter is out of the range that the message gives.',
	},
	QueryCombinationInvalid: {
		status: 400,
		meaning: 'These query parameters exclude each other: send them one by one.',
	},
	QueryNotSupportedOnResource: {
		status: 400,
		meaning:
			'only, $filter, $top and $skip are for collections (of at most 1000 members to look at); the message says what is wrong.',
	},
	AnswerTooComplex: {
		status: 502,
		expose: true,
		meaning: 'The BMC answered with more, or nested deeper, than can be filtered.',
	},
} as const;

export const filterErrors = errorsOf(filterErrorTable);
