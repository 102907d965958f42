package rectification_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
	"github.com/duban-project/duban/services/rectification"
)

var now = time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)

const (
	submitter = "units/school/members/clerk"
	verifier  = "units/school/members/leader"
	closer    = "units/school/members/head"
	superior  = "units/bureau/members/supervisor"
)

// plannedProblem has all that any move asks for.
func plannedProblem(s rectificationv1.Problem_State) *rectificationv1.Problem {
	return &rectificationv1.Problem{
		Name: "ledgers/x/problems/0001", Unit: "units/school", Number: 1, Category: "A", Item: "A-1",
		Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SELF_CHECK,
		Description: "desc", Cause: "cause", Measures: "measures", Deadline: "2026-06-30",
		LeaderResponsible: "leader", PersonResponsible: "person", State: s, FiledVersion: 1,
		Submitter: submitter, Verifier: verifier,
	}
}

func filedLedger() *rectificationv1.Ledger {
	return &rectificationv1.Ledger{
		Name: "ledgers/x", Unit: "units/school", State: rectificationv1.Ledger_STATE_FILED, Version: 1, ProblemCount: 1,
	}
}

func asking(p *rectificationv1.Problem) *rectificationv1.Problem {
	p.Extensions = []*rectificationv1.Extension{{Deadline: "2026-07-31", State: rectificationv1.Extension_STATE_ASKED}}
	return p
}

func wish(deadline string) rectification.Wish {
	return rectification.Wish{Deadline: deadline, Reason: "why", Asker: submitter, Time: now}
}

// submitting is who asks for a problem to be struck off, while a leader is free to verify it.
func submitting(who string, evidence []string) rectification.Submission {
	return rectification.Submission{Evidence: evidence, Who: who, Leaders: []string{"free"}, Time: now}
}

// problemMoves makes each move on a problem that has all that the move asks for.
var problemMoves = map[rectification.ProblemMove]func(*rectificationv1.Problem) (*rectificationv1.Problem, error){
	rectification.Editing: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Edit(filedLedger(), p, p, submitter, now)
	},
	rectification.Attaching: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Attach(p, submitter)
	},
	rectification.Planning: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Plan(filedLedger(), p, &rectificationv1.Problem{}, submitter, now)
	},
	rectification.Starting: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Start(p, submitter)
	},
	rectification.Progress: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.AddProgress(p, "did", 10, submitter, now)
	},
	rectification.Submitting: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Submit(p, submitting(submitter, []string{"a"}))
	},
	rectification.Verifying: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Verify(p, verifier, []string{"free"})
	},
	rectification.Closing: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Close(p, closer, now)
	},
	rectification.Returning: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.SendBack(p, "why", closer)
	},
	rectification.Reopening: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Reopen(p, "why")
	},
	rectification.Cancelling: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Cancel(p, "why", superior)
	},
	rectification.Extending: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Extend(filedLedger(), p, wish("2026-07-31"))
	},
	rectification.Granting: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Grant(asking(proto.CloneOf(p)), superior, now)
	},
	rectification.Refusing: func(p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Refuse(asking(proto.CloneOf(p)), "no", superior, now)
	},
}

// The moves as the domain has them; what is not here is refused.
const problemWant = `
IDENTIFIED edit IDENTIFIED, attach IDENTIFIED, plan PLANNED, cancel CANCELLED
PLANNED edit PLANNED, attach PLANNED, plan PLANNED, start RECTIFYING, cancel CANCELLED, extend PLANNED, approve_extension PLANNED, refuse_extension PLANNED
RECTIFYING edit RECTIFYING, attach RECTIFYING, progress RECTIFYING, submit SUBMITTED, cancel CANCELLED, extend RECTIFYING, approve_extension RECTIFYING, refuse_extension RECTIFYING
SUBMITTED verify VERIFIED, return RETURNED, cancel CANCELLED, approve_extension SUBMITTED, refuse_extension SUBMITTED
VERIFIED close CLOSED, return RETURNED, cancel CANCELLED, approve_extension VERIFIED, refuse_extension VERIFIED
RETURNED edit RETURNED, attach RETURNED, start RECTIFYING, cancel CANCELLED, extend RETURNED, approve_extension RETURNED, refuse_extension RETURNED
CLOSED reopen REOPENED
REOPENED edit REOPENED, attach REOPENED, start RECTIFYING, cancel CANCELLED, extend REOPENED, approve_extension REOPENED, refuse_extension REOPENED
CANCELLED`

func TestEveryMoveOfAProblemFromEveryState(t *testing.T) {
	lifecycletest.Tried(t, rectification.ProblemLife, problemMoves)
	got := walk(t, rectificationv1.Problem_STATE_UNSPECIFIED.Descriptor().Values().Len(), problemMoves, rectification.ErrProblemIllegalMove,
		func(n int) *rectificationv1.Problem { return plannedProblem(rectificationv1.Problem_State(n)) })
	compare(t, got, problemWant)
}

// record is what has a state.
type record[S fmt.Stringer] interface {
	proto.Message
	GetState() S
}

// walk makes every move from every state and writes down where it leads. A move
// never changes its argument, and an illegal one answers its own fault.
func walk[M ~string, S fmt.Stringer, R record[S]](t *testing.T, states int, moves map[M]func(R) (R, error), illegal error, at func(int) R) []string {
	t.Helper()
	var lines []string
	for n := range states {
		for m, make := range moves {
			from := at(n)
			before := proto.CloneOf(from)
			to, err := make(from)
			if diff := cmp.Diff(before, from, protocmp.Transform()); diff != "" {
				t.Errorf("%s from %v changes its argument:\n%s", m, before.GetState(), diff)
			}
			switch {
			case err == nil:
				word, _, _ := strings.Cut(string(m), " / ")
				lines = append(lines, fmt.Sprintf("%s %s %s", short(from.GetState()), word, short(to.GetState())))
			case !errors.Is(err, illegal):
				t.Errorf("%s from %v = %v, want the illegal move", m, from.GetState(), err)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func short(s fmt.Stringer) string { return strings.TrimPrefix(s.String(), "STATE_") }

// compare holds what was walked against a table of lines "STATE move STATE, …".
func compare(t *testing.T, got []string, table string) {
	t.Helper()
	var want []string
	for line := range strings.Lines(strings.TrimSpace(table)) {
		state, moves, _ := strings.Cut(strings.TrimSpace(line), " ")
		for m := range strings.SplitSeq(moves, ", ") {
			if m != "" {
				want = append(want, state+" "+m)
			}
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

var ledgerMoves = map[rectification.LedgerMove]func(*rectificationv1.Ledger) (*rectificationv1.Ledger, error){
	rectification.LedgerChanging: rectification.Change,
	rectification.LedgerSigning: func(l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		return rectification.Sign(l, &rectificationv1.Signature{Digest: rectification.Digest(l.GetName(), nil)}, inOffice, nil)
	},
	rectification.LedgerFiling: func(l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		f, err := rectification.File(l, nil, submitter, now, calendar.Builtin())
		if err != nil {
			return nil, err
		}
		return f.Ledger, nil
	},
	rectification.LedgerAcknowledging: func(l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		l, _, err := rectification.Decide(l, filedVersion(), rectification.Verdict{Decider: superior}, calendar.Builtin())
		return l, err
	},
	rectification.LedgerReturning: func(l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		l, _, err := rectification.Decide(l, filedVersion(), rectification.Verdict{Reason: "why", Decider: superior}, calendar.Builtin())
		return l, err
	},
}

func filedVersion() *rectificationv1.LedgerVersion {
	return &rectificationv1.LedgerVersion{
		Name: "ledgers/x/versions/0001", Version: 1, State: rectificationv1.LedgerVersion_STATE_FILED,
		Signature: &rectificationv1.Signature{Signer: closer}, Filer: submitter,
	}
}

const ledgerWant = `
OPEN change OPEN, sign SIGNED
SIGNED change OPEN, file FILED
FILED change FILED, sign SIGNED, acknowledge ACKNOWLEDGED, return RETURNED
ACKNOWLEDGED change ACKNOWLEDGED, sign SIGNED
RETURNED change OPEN, sign SIGNED`

func TestEveryMoveOfALedgerFromEveryState(t *testing.T) {
	lifecycletest.Tried(t, rectification.LedgerLife, ledgerMoves)
	got := walk(t, rectificationv1.Ledger_STATE_UNSPECIFIED.Descriptor().Values().Len(), ledgerMoves, rectification.ErrLedgerIllegalMove,
		func(n int) *rectificationv1.Ledger {
			return &rectificationv1.Ledger{
				Name: "ledgers/x", State: rectificationv1.Ledger_State(n), Version: 1, PendingChanges: true,
				Signature: &rectificationv1.Signature{Digest: "d"},
			}
		})
	compare(t, got, ledgerWant)
}

func TestEveryMoveOfAVersionFromEveryState(t *testing.T) {
	open := &rectificationv1.Ledger{Name: "ledgers/x", State: rectificationv1.Ledger_STATE_FILED, Version: 1}
	decide := func(reason string) func(*rectificationv1.LedgerVersion) (*rectificationv1.LedgerVersion, error) {
		return func(v *rectificationv1.LedgerVersion) (*rectificationv1.LedgerVersion, error) {
			_, v, err := rectification.Decide(open, v, rectification.Verdict{Reason: reason, Decider: superior}, calendar.Builtin())
			return v, err
		}
	}
	moves := map[rectification.VersionMove]func(*rectificationv1.LedgerVersion) (*rectificationv1.LedgerVersion, error){
		rectification.VersionAcknowledging: decide(""),
		rectification.VersionReturning:     decide("why"),
		rectification.VersionSuperseding: func(v *rectificationv1.LedgerVersion) (*rectificationv1.LedgerVersion, error) {
			if v = rectification.Supersede(v); v == nil {
				return nil, rectification.ErrLedgerIllegalMove
			}
			return v, nil
		},
	}
	lifecycletest.Tried(t, rectification.VersionLife, moves)
	got := walk(t, rectificationv1.LedgerVersion_STATE_UNSPECIFIED.Descriptor().Values().Len(), moves, rectification.ErrLedgerIllegalMove,
		func(n int) *rectificationv1.LedgerVersion {
			return &rectificationv1.LedgerVersion{Name: "ledgers/x/versions/0001", Version: 1, State: rectificationv1.LedgerVersion_State(n)}
		})
	compare(t, got, "FILED acknowledge ACKNOWLEDGED, return RETURNED, supersede SUPERSEDED")
}

func TestEveryMoveOfAnInspectionFromEveryState(t *testing.T) {
	moves := map[rectification.InspectionMove]func(*rectificationv1.Inspection) (*rectificationv1.Inspection, error){
		rectification.Recording: func(i *rectificationv1.Inspection) (*rectificationv1.Inspection, error) {
			return rectification.Record(i, rectification.Visited{Target: "units/school", By: "units/section/members/m", Time: now}, places{})
		},
		rectification.Concluding: func(i *rectificationv1.Inspection) (*rectificationv1.Inspection, error) {
			return rectification.Conclude(i, ending("units/section/members/m"), deserted{})
		},
	}
	lifecycletest.Tried(t, rectification.InspectionLife, moves)
	got := walk(t, rectificationv1.Inspection_STATE_UNSPECIFIED.Descriptor().Values().Len(), moves, rectification.ErrInspectionIllegalMove,
		func(n int) *rectificationv1.Inspection {
			i := inspection()
			i.State = rectificationv1.Inspection_State(n)
			return i
		})
	compare(t, got, "PLANNED record RECORDED, conclude CONCLUDED\nRECORDED record RECORDED, conclude CONCLUDED")
}

// tree is bureau over district over school, school over office, and bureau over
// section.
func tree(unit string) []string {
	return map[string][]string{
		"units/bureau":   {"units/bureau"},
		"units/section":  {"units/section", "units/bureau"},
		"units/district": {"units/district", "units/bureau"},
		"units/school":   {"units/school", "units/district", "units/bureau"},
		"units/office":   {"units/office", "units/school", "units/district", "units/bureau"},
	}[unit]
}

// places has a member who also works at the school.
type places struct{}

func (places) Path(unit string) []string { return tree(unit) }

func (places) Active(string) bool { return true }

func (places) Belongs(member, unit string) bool {
	home, _, _ := strings.Cut(member, "/members/")
	return slices.Contains(tree(home), unit) || member == "units/section/members/posted" && slices.Contains(tree("units/office"), unit)
}

// Inspects says that everybody may record but those whose names say otherwise.
func (places) Inspects(member, _ string) bool { return !strings.HasSuffix(member, "/helper") }

// deserted is places after all units were archived.
type deserted struct{ places }

func (deserted) Active(string) bool { return false }

func ending(by string) rectification.Ending {
	return rectification.Ending{Conclusion: "done", By: by, Time: now}
}

func inspection() *rectificationv1.Inspection {
	return &rectificationv1.Inspection{
		Name: "inspections/i", Unit: "units/bureau", Title: "t", Team: []string{"units/section/members/m"},
		Targets: []string{"units/school", "units/district"}, State: rectificationv1.Inspection_STATE_PLANNED,
	}
}
