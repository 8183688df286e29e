import test from 'ava';
import { BimetalError } from './bimetal-error.ts';
import { errorsOf } from './error-table.ts';

const errors = errorsOf({
	Gone: { status: 410, meaning: 'It was there once.' },
	Broken: { status: 500, meaning: 'Our fault.' },
	Hidden: { status: 404, expose: false, meaning: 'Not for everybody.' },
});

test('each code of a table makes its error, with the status and exposure of its entry', t => {
	const cause = new Error('why');
	const gone = errors.Gone('no longer there', { cause });
	t.true(gone instanceof BimetalError);
	t.like(gone, { code: 'Gone', status: 410, expose: true, message: 'no longer there', cause });
	t.like(errors.Broken('oops'), { code: 'Broken', status: 500, expose: false });
	t.like(errors.Hidden('not for you'), { status: 404, expose: false });
});
