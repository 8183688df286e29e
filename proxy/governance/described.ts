import type { Described } from '../api/described.ts';
import * as schemas from './schemas.ts';

const absent = { 404: 'No such change' };
const steps = {
	...absent,
	403: 'Not this party, or not signed',
	409: 'It no longer waits, or was overtaken',
};

/** The governance part of the API's description. */
export const governanceDescribed: readonly Described[] = [
	{
		method: 'get',
		path: '/p2c/v1/agreement',
		summary: 'The founding agreement in force',
		answer: schemas.agreementView,
		errors: { 403: 'The site takes its policies unsigned' },
	},
	{
		method: 'get',
		path: '/p2c/v1/policies/versions',
		summary: 'Every version of the policies that came into force, newest first',
		answer: schemas.versionList,
	},
	{
		method: 'get',
		path: '/p2c/v1/policies/versions/{id}',
		summary: 'A kept version with its files; `in-force` is the present one',
		answer: schemas.versionView,
		errors: { 404: 'No such version' },
	},
	{
		method: 'post',
		path: '/p2c/v1/policies/changes',
		summary: 'A signed bundle: a party’s own is taken at once, what all parties own waits for them',
		body: schemas.changeBody,
		answer: schemas.changeAnswer,
		errors: {
			403: 'Not signed by whom it must be',
			409: 'Made from another version, or it locks a party out',
			422: 'The bundle or its policies have problems',
		},
	},
	{
		method: 'get',
		path: '/p2c/v1/policies/changes',
		summary: 'Changes of the table and the agreement, newest first',
		query: schemas.changeQuery,
		answer: schemas.changeList,
	},
	{
		method: 'get',
		path: '/p2c/v1/policies/changes/{id}',
		summary: 'One change: exactly what would come into force',
		answer: schemas.changeView,
		errors: absent,
	},
	{
		method: 'post',
		path: '/p2c/v1/policies/changes/{id}/approve',
		summary: 'Approve and sign it for one’s party; the last approval brings it into force',
		body: schemas.approveChangeBody,
		answer: schemas.changeView,
		errors: steps,
	},
	{
		method: 'post',
		path: '/p2c/v1/policies/changes/{id}/deny',
		summary: 'End it, with a reason',
		body: schemas.denyChangeBody,
		answer: schemas.changeView,
		errors: steps,
	},
	{
		method: 'post',
		path: '/p2c/v1/policies/changes/{id}/withdraw',
		summary: 'Its proposer takes it back',
		body: schemas.endBody,
		answer: schemas.changeView,
		errors: steps,
	},
	{
		method: 'get',
		path: '/p2c/v1/break-glass',
		summary: 'Break-glass windows, newest first',
		answer: schemas.windowList,
	},
	{
		method: 'post',
		path: '/p2c/v1/break-glass',
		summary: 'Open a window in which one’s own party is enough for what the agreement lists',
		body: schemas.openBody,
		answer: schemas.windowView,
		errors: { 403: 'The agreement does not allow it', 409: 'The party has one open already' },
	},
	{
		method: 'post',
		path: '/p2c/v1/break-glass/{id}/end',
		summary: 'End a window before its time',
		body: schemas.endBody,
		answer: schemas.windowView,
		errors: { 403: 'The agreement lets its party alone end it', 404: 'No such window' },
	},
];
