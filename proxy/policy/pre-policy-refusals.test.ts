import test from 'ava';
import { where } from './pre-policy.fixture.ts';
import { compilePrePolicy } from './pre-policy.ts';

const refused: readonly (readonly [string, number, RegExp])[] = [
	['', 0, /empty/],
	['   ', 0, /empty/],
	['3', 0, /must be true or false/],
	['SUM(External.PDU.Outlets.Power)', 0, /is a number; compare it/],
	['Resource.A == 1 and COUNT(Resource.B)', 20, /is a number/],
	['External.PUD.X == 1', 9, /unknown External source "PUD"; did you mean PDU\?/],
	['COUNT(External)>1', 6, /name a source behind External/],
	['Resourse.A == 1', 0, /unknown name "Resourse"; did you mean Resource\?/],
	['Resource.A == Up', 14, /unknown name "Up".*texts stand in quotation marks/],
	['Request.Partie == "HSO"', 8, /a request has no "Partie"/],
	['sum(External.PDU.Outlets.Power)<1', 0, /unknown function "sum"; did you mean SUM\?/],
	['SUM()<1', 0, /SUM takes one argument, found 0/],
	['SUM(Resource.A, Resource.B)<1', 0, /SUM takes one argument, found 2/],
	['Resource.A = 1', 11, /"=" assigns/],
	['Resource.A := 1', 11, /":=" belongs in a post-policy/],
	['Resource.A == 1 && true', 16, /write "and"/],
	['Resource.A == 1 || true', 16, /write "or"/],
	['!Resource.A', 0, /write "not/],
	['not Resource.A == 1', 0, /write not \(Resource\.A==1\)/],
	['true; true', 4, /one expression/],
	['true /* x */', 5, /YAML comments/],
	['2 ^ 3 > 1', 2, /powers are not/],
	['Resource.A == "x', 14, /not ended by "/],
	['Resource.A == "x\\\\"', 14, /backslash directly before/],
	['Resource.A == “x”', 14, /has no meaning here/],
	['Resоurce.A == 1', 3, /has no meaning here/],
	['(Resource.A == 1', 16, /expected "\)", found the end/],
	['Resource.A == 1)', 15, /unexpected "\)"/],
	['COUNT(External.Servers.State=="Up")>=)', 37, /unexpected "\)"/],
	['Resource.A ==', 13, /ends too early/],
	['Resource..A == 1', 9, /unexpected|expected a property name/],
	['Resource.A B', 11, /expected an operator or a comma/],
	['[1 2] == 1', 3, /expected an operator or a comma/],
	['Resource.A\n  == 1 1', 18, /expected an operator/],
	['1e999 > 1', 0, /too large a number/],
];
for (const [source, offset, message] of refused) {
	test(`refused at its place: ${JSON.stringify(source)}`, t => {
		const result = compilePrePolicy(source, where, ['Servers', 'PDU']);
		t.false(result.ok);
		if (!result.ok) {
			t.regex(result.problem.message, message);
			t.is(result.problem.offset, offset);
		}
	});
}

// --- Hostile expressions ---------------------------------------------------------------------------------
