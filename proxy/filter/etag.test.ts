import test from 'ava';
import { matchesIfMatch, matchesIfNoneMatch, strongETag, weakETag } from './etag.ts';

test('an ETag is of the body as seen: equal bodies have one, others another', t => {
	t.is(strongETag('{"a":null}'), strongETag(new TextEncoder().encode('{"a":null}')));
	t.not(strongETag('{"a":null}'), strongETag('{"a":1}'));
	t.regex(strongETag('x'), /^"[0-9a-f]{32}"$/);
});

test('If-None-Match compares weakly, If-Match strongly, in lists as well', t => {
	const strong = strongETag('x');
	const weak = weakETag('x');
	t.true(matchesIfNoneMatch(`"other", ${weak}`, strong));
	t.true(matchesIfNoneMatch('*', weak));
	t.false(matchesIfNoneMatch('"other"', strong));
	t.false(matchesIfNoneMatch('', strong));
	t.true(matchesIfMatch(`"other",${strong}`, strong));
	t.false(matchesIfMatch(weak, weak));
	t.false(matchesIfMatch(weak, strong));
	t.true(matchesIfMatch('*', strong));
});
